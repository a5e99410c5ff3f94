//! What was settled beforehand: layers with their origin, then final settings.

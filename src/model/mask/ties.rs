//! Which columns hold the same personal data: a foreign key ties the column to the one it points at.

use crate::model::{Column, LogicalType, Model};

/// A column by its table's name and its own.
type Place = (String, String);

/// The model as masks see it: what is said of personal data at one end of a foreign key holds at the other, so
/// that both ends get equal masks; and `unique` tells of every column of a key, whose masks must not meet.
#[must_use]
pub fn tied(model: &Model) -> Model {
    let mut seen = model.clone();
    for table in seen.tables.values_mut() {
        let keys: Vec<Vec<String>> = table.all_unique_keys().into_iter().chain([table.primary_key.clone()]).collect();
        for (name, column) in &mut table.columns {
            column.unique = column.unique || keys.iter().any(|key| key.contains(name));
        }
    }
    let links = links(model);
    // As often as the longest chain of references can have links.
    for _ in 0..=links.len() {
        for (child, parent) in &links {
            adopt(&mut seen, parent, child, false);
            share_room(&mut seen, parent, child);
        }
    }
    for _ in 0..=links.len() {
        for (child, parent) in &links {
            adopt(&mut seen, child, parent, true);
        }
    }
    seen
}

/// Both ends of every foreign key, column by column.
fn links(model: &Model) -> Vec<(Place, Place)> {
    let mut links = Vec::new();
    for (name, table) in &model.tables {
        for key in table.all_foreign_keys() {
            for (column, to) in key.columns.into_iter().zip(key.to) {
                links.push(((name.clone(), column), (key.table.clone(), to)));
            }
        }
    }
    links
}

fn column<'m>(model: &'m mut Model, place: &Place) -> Option<&'m mut Column> {
    model.tables.get_mut(&place.0)?.columns.get_mut(&place.1)
}

/// What is said of `from` holds for `to` as well; what `to` says itself goes first unless `over`.
fn adopt(model: &mut Model, to: &Place, from: &Place, over: bool) {
    let Some(from) = column(model, from).map(|from| from.clone()) else { return };
    let Some(to) = column(model, to) else { return };
    to.unique = true;
    let Some(kind) = from.pii else { return };
    if over || to.pii.is_none() {
        to.pii = Some(kind);
        to.format = from.format;
        to.pattern.clone_from(&from.pattern);
        to.min.clone_from(&from.min);
        to.max.clone_from(&from.max);
        to.min_length = from.min_length;
    }
}

/// What is to stand at both ends has to fit into the smaller.
fn share_room(model: &mut Model, one: &Place, other: &Place) {
    let room = [one, other].into_iter().filter_map(|place| most(column(model, place)?)).min();
    for place in [one, other] {
        if let Some(column) = column(model, place) {
            column.max_length = room;
        }
    }
}

/// Most characters that fit into a column.
pub(super) fn most(column: &Column) -> Option<u32> {
    let typed = match column.logical {
        LogicalType::String(most) => Some(most),
        _ => None,
    };
    [typed, column.max_length].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Table;
    use crate::model::table::Pii;

    fn table(columns: &[(&str, Column)]) -> Table {
        let columns = columns.iter().map(|(name, column)| ((*name).to_owned(), column.clone()));
        Table { columns: columns.collect(), ..Table::default() }
    }

    #[test]
    fn what_is_personal_at_one_end_is_personal_at_the_other() {
        let text = Column::of(LogicalType::Text);
        let tagged = Column { pii: Some(Pii::Email), unique: true, ..Column::of(LogicalType::String(200)) };
        let points = |to: &str| Column { references: Some(to.to_owned()), ..Column::of(LogicalType::String(100)) };
        let mut model = Model::default();
        model.tables.insert("last".to_owned(), table(&[("of", points("middle.email")), ("note", text.clone())]));
        model.tables.insert("middle".to_owned(), table(&[("email", points("first.email"))]));
        model.tables.insert("first".to_owned(), table(&[("email", tagged)]));
        let seen = tied(&model);
        for (table, column) in [("last", "of"), ("middle", "email"), ("first", "email")] {
            let column = &seen.tables[table].columns[column];
            assert_eq!((column.pii, column.max_length), (Some(Pii::Email), Some(100)), "{table}");
            assert!(column.unique);
        }
        assert_eq!(seen.tables["last"].columns["note"], text);
    }

    #[test]
    fn a_tag_at_the_child_alone_reaches_the_parent() {
        let child = Column {
            references: Some("people.name".to_owned()),
            pii: Some(Pii::Name),
            ..Column::of(LogicalType::Text)
        };
        let mut model = Model::default();
        model.tables.insert("notes".to_owned(), table(&[("by", child)]));
        model.tables.insert("people".to_owned(), table(&[("name", Column::of(LogicalType::Text))]));
        assert_eq!(tied(&model).tables["people"].columns["name"].pii, Some(Pii::Name));
    }
}

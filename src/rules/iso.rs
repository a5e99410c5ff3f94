//! Codes of countries (ISO 3166-1 alpha-2) and currencies (ISO 4217), in order.

/// Countries, sorted.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK \
FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM \
JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS \
MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM \
US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Currencies, sorted; funds, metals and test codes included, as the standard lists them.
const CURRENCIES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN \
BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD \
GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL \
LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG \
QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH \
UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA \
XXX YER ZAR ZMW ZWG";

/// Whether the list, of words of this length parted by blanks, has the code.
fn has(list: &str, code: &str, length: usize) -> bool {
    if code.len() != length {
        return false;
    }
    let word = |place: usize| list.get(place * (length + 1)..place * (length + 1) + length).unwrap_or_default();
    let (mut low, mut high) = (0, (list.len() + 1) / (length + 1));
    while low < high {
        let middle = usize::midpoint(low, high);
        match word(middle).cmp(code) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    false
}

/// Whether this is the code of a country.
pub(super) fn is_country(code: &str) -> bool {
    has(COUNTRIES, code, 2)
}

/// Whether this is the code of a currency.
pub(super) fn is_currency(code: &str) -> bool {
    has(CURRENCIES, code, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_whole() {
        for (list, length, count) in [(COUNTRIES, 2, 249), (CURRENCIES, 3, 179)] {
            let words: Vec<&str> = list.split(' ').collect();
            assert!(words.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(words.iter().all(|word| word.len() == length && has(list, word, length)));
            assert_eq!(words.len(), count);
        }
        assert!(is_country("DE") && !is_country("UK") && !is_country("de") && !is_country("D ") && !is_country(""));
        assert!(is_currency("EUR") && !is_currency("EUX") && !is_currency("eur") && !is_currency("ZZZ"));
    }
}

//! The rules of a loan file, each with its name: those of a line, of a value, of a span of days, and of the whole table.

use super::schema::{Column, Schema, Span};

/// A rule's place among [`Rules::list`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u16);

/// A rule, as reports show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its stable name.
    pub name: String,
    /// The column it is about; empty where it is about a line.
    pub column: String,
    /// What must hold, in words.
    pub demand: String,
    /// What follows where it does not hold.
    pub scope: Scope,
}

/// What a broken rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The row is put aside.
    Row,
    /// The whole data is refused.
    Table,
    /// It is counted, and the value taken for missing.
    Note,
}

/// All rules of a schema.
#[derive(Debug)]
pub struct Rules {
    /// The rules, in the order of reports.
    pub list: Vec<Rule>,
    /// The rules of each column's values, in the schema's order.
    pub values: Vec<ValueRules>,
    /// The rule of each span, in the schema's order.
    pub spans: Vec<RuleId>,
    /// That loan ids stand once.
    pub unique: RuleId,
    /// That users keep their attributes.
    pub constant: RuleId,
}

/// The rules of one column's values.
#[derive(Debug, Clone, Copy)]
pub struct ValueRules {
    /// That there is one.
    pub present: RuleId,
    /// That it is of the column's kind.
    pub readable: RuleId,
    /// That it lies within the range.
    pub range: RuleId,
}

/// That a line has the header's count of fields.
pub const LINE_FIELDS: RuleId = RuleId(0);
/// That quotes come in pairs.
pub const LINE_QUOTES: RuleId = RuleId(1);
/// That a line is text.
pub const LINE_TEXT: RuleId = RuleId(2);

impl Rules {
    /// Names every rule of a schema.
    pub fn of(schema: &Schema) -> Self {
        let mut list = vec![
            rule("line_fields", "", "as many fields as the header has names", Scope::Row),
            rule("line_quotes", "", "quotes in pairs: a loan is one line", Scope::Row),
            rule("line_text", "", "UTF-8 text without zero bytes", Scope::Row),
        ];
        let values = schema.columns.iter().map(|column| value_rules(&mut list, column)).collect();
        let spans = schema.spans.iter().map(|span| add(&mut list, span_rule(span))).collect();
        let unique: Vec<_> = schema.columns.iter().filter(|column| column.unique).map(|column| &*column.name).collect();
        let (unique_name, unique_columns) = (format!("{}_unique", unique.join("_")), unique.join(", "));
        let unique = rule(&unique_name, &unique_columns, "no value twice", Scope::Table);
        let unique = add(&mut list, unique);
        let constant = rule("user_constant", "", "one value in all loans of a user", Scope::Table);
        let constant = add(&mut list, constant);
        Self { list, values, spans, unique, constant }
    }

    /// Gives a rule.
    pub fn get(&self, id: RuleId) -> &Rule {
        &self.list[usize::from(id.0)]
    }
}

fn rule(name: &str, column: &str, demand: &str, scope: Scope) -> Rule {
    Rule { name: name.to_owned(), column: column.to_owned(), demand: demand.to_owned(), scope }
}

fn add(list: &mut Vec<Rule>, rule: Rule) -> RuleId {
    list.push(rule);
    RuleId(u16::try_from(list.len() - 1).expect("a schema has far fewer rules"))
}

/// Adds the rules that a column has. A category is either allowed or not, and a missing value that may be missing breaks none.
fn value_rules(list: &mut Vec<Rule>, column: &Column) -> ValueRules {
    let Column { name, kind, nullable, unreadable_is_null, .. } = column;
    let demand = kind.demand();
    let scope = if *unreadable_is_null { Scope::Note } else { Scope::Row };
    let readable = add(list, rule(&format!("{name}_{}", kind.word()), name, &demand, scope));
    let present = match nullable {
        true => readable,
        false => add(list, rule(&format!("{name}_present"), name, "not empty", Scope::Row)),
    };
    let range = match kind {
        super::schema::Kind::Category(_) => readable,
        _ => add(list, rule(&format!("{name}_range"), name, &demand, Scope::Row)),
    };
    ValueRules { present, readable, range }
}

fn span_rule(span: &Span) -> Rule {
    let Span { name, from, to, days_min, days_max } = span;
    let bound = match (days_min, days_max) {
        (Some(0), None) => format!("not after {to}"),
        (Some(min), None) => format!("at least {min} days before {to}"),
        (None, Some(max)) => format!("at most {max} days before {to}"),
        (min, max) => format!("{} to {} days before {to}", min.unwrap_or_default(), max.unwrap_or_default()),
    };
    rule(name, from, &bound, Scope::Row)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let rules = Rules::of(Schema::loans());
        let names: HashSet<_> = rules.list.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names.len(), rules.list.len());
        for wanted in [
            "loan_id_whole",
            "loan_id_present",
            "loan_amount_number",
            "loan_amount_range",
            "flag_own_car_allowed",
            "birthday_day",
            "birthday_before_loan",
            "loan_id_unique",
            "user_constant",
        ] {
            assert!(names.contains(wanted), "{wanted}");
        }
        assert!(!names.contains("occupation_type_present"), "it may be missing");
        let names = [LINE_FIELDS, LINE_QUOTES, LINE_TEXT].map(|id| rules.get(id).name.as_str());
        assert_eq!(names, ["line_fields", "line_quotes", "line_text"]);
        let note = rules.list.iter().find(|rule| rule.name == "job_start_date_day").expect("a rule");
        assert_eq!(note.scope, Scope::Note);
    }
}

//! The format `pql/json` of an expression (segmentation.yaml, the samples of segment definitions), read into the tree that
//! the text format has too.

use audience_sharing_core::domain::pql::Expression;
use serde_json::Value;

/// `None` for a node that no sample shows, or a tree that the text format could not hold.
pub(super) fn expression(value: &str) -> Option<Expression> {
    // serde_json bounds the depth.
    let tree: Value = serde_json::from_str(value).ok()?;
    let expression = node(&tree)?;
    let parsed = Expression::parse(&expression.to_string()).ok()?;
    (parsed == expression).then_some(expression)
}

fn node(tree: &Value) -> Option<Expression> {
    let name = |field: &str| tree[field].as_str();
    match name("nodeType")? {
        "fnApply" => {
            let parameters = tree["params"].as_array()?.iter();
            let parameters = parameters.map(node).collect::<Option<_>>()?;
            Some(Expression::call(name("fnName")?, parameters))
        }
        "fieldLookup" => Some(Expression::Field {
            object: match tree["object"]["nodeType"].as_str()? {
                // The profile itself.
                "parameterReference" => None,
                _ => Some(Box::new(node(&tree["object"])?)),
            },
            name: name("fieldName")?.into(),
        }),
        "literal" => literal(&tree["value"]),
        _ => None,
    }
}

fn literal(value: &Value) -> Option<Expression> {
    match value {
        Value::String(text) => Some(Expression::Text(text.as_str().into())),
        Value::Number(_) | Value::Bool(_) => Some(Expression::Word(value.to_string().into())),
        Value::Array(items) => {
            let items = items.iter().map(literal).collect::<Option<_>>()?;
            Some(Expression::List(items))
        }
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::expression;

    #[test]
    fn the_sample_of_the_specification_is_read() {
        let sample = r#"{"nodeType":"fnApply","fnName":"=","params":[
            {"nodeType":"fieldLookup","fieldName":"a","object":{"nodeType":"parameterReference","position":1}},
            {"nodeType":"fieldLookup","fieldName":"b","object":{"nodeType":"parameterReference","position":1}}]}"#;
        let read = expression(sample).map(|read| read.to_string());
        assert_eq!(read.as_deref(), Some("a = b"));
    }

    #[test]
    fn an_audience_by_its_id_is_read() {
        let reference = r#"{"nodeType":"fnApply","fnName":"inSegment","params":[
            {"nodeType":"literal","literalType":"XString","value":"4b1c"}]}"#;
        let read = expression(reference).map(|read| read.to_string());
        assert_eq!(read.as_deref(), Some(r#"inSegment("4b1c")"#));
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        for value in [
            "",
            "{",
            "[]",
            r#"{"nodeType":"later"}"#,
            r#"{"nodeType":"fnApply","fnName":"="}"#,
            r#"{"nodeType":"fnApply","fnName":"a b","params":[]}"#,
            r#"{"nodeType":"literal","value":null}"#,
        ] {
            assert_eq!(expression(value), None, "{value}");
        }
        let deep = r#"{"nodeType":"fnApply","fnName":"not","params":["#.repeat(500);
        assert_eq!(expression(&deep), None);
    }
}

//! The texts that a call writes, for what remembers how the service stores them.

use super::call::Call;
use crate::domain::destination::MappingKeys;
use crate::domain::experience_platform::NewForm;
use crate::domain::field::Field;
use crate::domain::identifier::IntegrationCode;
use crate::inventory::SentText;

impl Call {
    /// Every text that the call sends, with what it replaces.
    pub fn texts(&self) -> Vec<SentText<'_>> {
        match self {
            Self::CreateTrait(new) => vec![
                sent(Field::Name, &new.name),
                sent(Field::Description, &new.description),
                sent(Field::IntegrationCode, new.integration_code.as_str()),
                sent(Field::TraitRule, &new.rule),
            ],
            Self::UpdateTrait { expected, change } => changed([
                (Field::Name, &change.name, &expected.name),
                (
                    Field::Description,
                    &change.description,
                    &expected.description,
                ),
                (Field::TraitRule, &change.rule, &expected.rule),
            ])
            .chain(changed_code(
                &change.integration_code,
                &expected.integration_code,
            ))
            .collect(),
            Self::CreateSegment(new) => vec![
                sent(Field::Name, &new.name),
                sent(Field::Description, &new.description),
                sent(Field::IntegrationCode, new.integration_code.as_str()),
                sent(Field::SegmentRule, &new.rule),
            ],
            Self::UpdateSegment { expected, change } => changed([
                (Field::Name, &change.name, &expected.name),
                (
                    Field::Description,
                    &change.description,
                    &expected.description,
                ),
                (Field::SegmentRule, &change.rule, &expected.rule),
            ])
            .chain(changed_code(
                &change.integration_code,
                &expected.integration_code,
            ))
            .collect(),
            Self::CreateAudience(new) => {
                let expression = match &new.form {
                    NewForm::SegmentDefinition { expression } => Some(expression),
                    NewForm::External { .. } | NewForm::MetadataOnly { .. } => None,
                };
                let texts = [
                    sent(Field::Name, &new.name),
                    sent(Field::Description, &new.description),
                ];
                let expression = expression.map(|text| sent(Field::Expression, text));
                texts.into_iter().chain(expression).collect()
            }
            Self::UpdateAudience { expected, change } => {
                let expression = change.expression.as_deref().map(|text| SentText {
                    field: Field::Expression,
                    text,
                    before: expected.expression.as_deref(),
                });
                changed([
                    (Field::Name, &change.name, &expected.name),
                    (
                        Field::Description,
                        &change.description,
                        &expected.description,
                    ),
                ])
                .chain(expression)
                .collect()
            }
            Self::CreateDataSource(new) => vec![
                sent(Field::Name, &new.name),
                sent(Field::Description, &new.description),
            ],
            Self::UpdateDataSource { expected, change } => changed([(
                Field::Description,
                &change.description,
                &expected.description,
            )])
            .collect(),
            Self::CreateTraitFolder { name } | Self::CreateSegmentFolder { name } => {
                vec![sent(Field::Name, name)]
            }
            Self::CreateMapping(new) => keys(&new.keys, None),
            Self::UpdateMapping { expected, change } => keys(&change.keys, Some(&expected.keys)),
            _ => Vec::new(),
        }
    }
}

fn sent(field: Field, text: &str) -> SentText<'_> {
    SentText {
        field,
        text,
        before: None,
    }
}

fn changed<'a, const COUNT: usize>(
    fields: [(Field, &'a Option<Box<str>>, &'a str); COUNT],
) -> impl Iterator<Item = SentText<'a>> {
    fields.into_iter().filter_map(|(field, text, before)| {
        Some(SentText {
            field,
            text: text.as_deref()?,
            before: Some(before),
        })
    })
}

fn changed_code<'a>(
    code: &'a Option<IntegrationCode>,
    before: &'a Option<IntegrationCode>,
) -> Option<SentText<'a>> {
    Some(SentText {
        field: Field::IntegrationCode,
        text: code.as_ref()?.as_str(),
        before: before.as_ref().map(IntegrationCode::as_str),
    })
}

fn keys<'a>(keys: &'a MappingKeys, before: Option<&'a MappingKeys>) -> Vec<SentText<'a>> {
    let MappingKeys {
        url,
        alias,
        value_alias,
    } = keys;
    let before =
        |text: fn(&MappingKeys) -> &Option<Box<str>>| before.and_then(|keys| text(keys).as_deref());
    let fields = [
        (Field::Url, url, before(|keys| &keys.url)),
        (Field::Alias, alias, before(|keys| &keys.alias)),
        (
            Field::ValueAlias,
            value_alias,
            before(|keys| &keys.value_alias),
        ),
    ];
    let fields = fields.into_iter().filter_map(|(field, text, before)| {
        Some(SentText {
            field,
            text: text.as_deref()?,
            before,
        })
    });
    fields.collect()
}

use crate::compose::{Problem, field::Field};

/// A command line as a list of its words. Words in one text are those between its blanks.
pub(super) fn read(field: &Field<'_>) -> Result<Vec<String>, Problem> {
    if !field.is_scalar() {
        return field.texts();
    }
    let text = field.text()?;
    if let Some(special) = text.chars().find(|c| "\"'\\`;&|<>()".contains(*c)) {
        return Err(field.problem(format!(
            "write it as a list: `{special}` means different things to different readers"
        )));
    }
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

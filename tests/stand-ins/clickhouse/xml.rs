//! As much of XML as configuration files of two levels need.

/// Without comments, in which anything may look like an element.
pub fn without_comments(xml: &str) -> String {
    let mut kept = String::new();
    let mut rest = xml;
    while let Some((before, comment)) = rest.split_once("<!--") {
        kept.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    kept + rest
}

/// What is between the first `<name>` and the `</name>` behind it.
pub fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, inside) = xml.split_once(&format!("<{name}>"))?;
    let (inside, _) = inside.split_once(&format!("</{name}>"))?;
    Some(inside)
}

/// The text of an element that has nothing else: a CDATA section, or characters and entities.
pub fn text(inside: &str) -> String {
    if let Some(section) = inside.trim().strip_prefix("<![CDATA[") {
        return section.strip_suffix("]]>").unwrap_or(section).to_owned();
    }
    inside
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

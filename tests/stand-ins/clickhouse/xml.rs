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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_element_of_a_name_outside_comments_is_meant() {
        let xml = without_comments("<!-- <a>0</a> --><a>1</a><!-- --><a>2</a><!--");
        assert_eq!(element(&xml, "a"), Some("1"));
        assert_eq!(element(&xml, "b"), None);
        assert_eq!(element("<a><b>1</b>", "a"), None);
    }

    #[test]
    fn text_comes_as_it_was_meant() {
        assert_eq!(text("a&amp;lt;b&lt;c"), "a&lt;b<c");
        assert_eq!(text("\n<![CDATA[a&amp;<b>]]>\n"), "a&amp;<b>");
        assert_eq!(text(" p w "), " p w ");
    }
}

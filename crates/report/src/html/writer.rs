//! Writes HTML so that nothing from outside becomes markup: texts and values of attributes are escaped, tags and names
//! are the program's own.

/// A page that grows.
#[derive(Debug, Default)]
pub(crate) struct Html {
    out: String,
}

/// Names of attributes with their values.
pub(crate) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Html {
    /// An element with what `inner` writes.
    pub(crate) fn element(
        &mut self,
        tag: &'static str,
        attributes: Attributes<'_>,
        inner: impl FnOnce(&mut Html),
    ) {
        self.open(tag, attributes);
        inner(self);
        self.out.push_str("</");
        self.out.push_str(tag);
        self.out.push('>');
    }

    /// An element with a text.
    pub(crate) fn words(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(tag, attributes, |html| html.text(text));
    }

    /// A tag without an end: an element that has no content.
    pub(crate) fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.out.push('<');
        self.out.push_str(tag);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            self.text(value);
            self.out.push('"');
        }
        self.out.push('>');
    }

    /// A text, or the value of an attribute.
    pub(crate) fn text(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                // HTML has no other control characters.
                '\n' | '\t' => self.out.push(letter),
                letter if letter.is_control() => self.out.push('\u{fffd}'),
                letter => self.out.push(letter),
            }
        }
    }

    /// Text of the program itself: a style, a script, a picture that it drew.
    pub(crate) fn own(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Data for a script. Within a string of JSON no tag may begin or end.
    pub(crate) fn data(&mut self, attributes: Attributes<'_>, value: &serde_json::Value) {
        let text = value.to_string();
        let safe = text
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026");
        let kind = ("type", "application/json");
        let attributes: Vec<(&'static str, &str)> = std::iter::once(kind)
            .chain(attributes.iter().copied())
            .collect();
        self.element("script", &attributes, |html| html.own(&safe));
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_values_are_never_markup() {
        let mut html = Html::default();
        html.words(
            "p",
            &[("title", "a\" onload=\"x")],
            "<script>1 && 'a'</script>\u{7}",
        );
        assert_eq!(
            html.finish(),
            "<p title=\"a&quot; onload=&quot;x\">&lt;script&gt;1 &amp;&amp; &#39;a&#39;&lt;/script&gt;\u{fffd}</p>"
        );
    }

    #[test]
    fn data_does_not_end_its_script() {
        let mut html = Html::default();
        let value = serde_json::json!(["</script><!--", 1]);
        html.data(&[("id", "d")], &value);
        let text = html.finish();
        let inner = text
            .strip_prefix("<script type=\"application/json\" id=\"d\">")
            .and_then(|rest| rest.strip_suffix("</script>"))
            .unwrap();
        assert!(!inner.contains('<'), "{inner}");
        let read: serde_json::Value = serde_json::from_str(inner).unwrap();
        assert_eq!(read, value);
    }
}

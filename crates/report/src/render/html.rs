//! A page that holds its pictures, the libraries that draw them, and nothing from elsewhere.

use super::RenderError;
use super::font::FAMILY;
use super::vendor::{VEGA, VEGA_EMBED, VEGA_LITE};

/// A picture of a page.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// Vega-Lite as JSON.
    pub spec: &'a str,
    /// Shown where scripts do not run, and when the page is printed.
    pub svg: &'a str,
}

/// A self-contained page of pictures: values appear at the pointer, and each can be saved as SVG or PNG.
///
/// # Errors
/// [`RenderError::Vendored`].
pub fn html(title: &str, pages: &[Page<'_>], is_dark: bool) -> Result<String, RenderError> {
    let (paper, ink) = if is_dark {
        ("#14161a", "#e6e6e6")
    } else {
        ("#ffffff", "#1a1a1a")
    };
    let mut body = String::new();
    for (place, page) in pages.iter().enumerate() {
        body.push_str(&format!(
            "<figure id=\"p{place}\"><noscript>{}</noscript></figure>\n\
             <script type=\"application/json\" id=\"s{place}\">{}</script>\n",
            page.svg,
            in_script(page.spec)
        ));
    }
    let scripts = [VEGA.text()?, VEGA_LITE.text()?, VEGA_EMBED.text()?];
    let scripts: Vec<String> = scripts
        .iter()
        .map(|script| format!("<script>{}</script>\n", as_script(script)))
        .collect();
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:\">\n\
         <title>{}</title>\n\
         <style>body{{margin:2rem;background:{paper};color:{ink};font-family:{FAMILY}}}figure{{margin:0 0 2rem;overflow-x:auto}}</style>\n\
         </head>\n<body>\n{body}{}<script>\n\
         for (const spec of document.querySelectorAll('script[type=\"application/json\"]'))\n\
           vegaEmbed('#p' + spec.id.slice(1), JSON.parse(spec.textContent), \
         {{ renderer: 'svg', actions: {{ export: true, source: false, compiled: false, editor: false }} }});\n\
         </script>\n</body>\n</html>\n",
        escaped(title),
        scripts.concat()
    ))
}

/// JSON that does not end the script that holds it.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// A script that does not end its own element.
fn as_script(script: &str) -> String {
    script.replace("</script", "<\\/script")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_stands_alone_and_holds_hostile_names() {
        let page = Page {
            spec: r#"{"title":"</script><script>alert(1)</script>"}"#,
            svg: "<svg></svg>",
        };
        let text = html("<script>alert(2)</script>", &[page], false).unwrap();
        assert!(!text.contains("<script>alert"));
        assert!(text.contains("&lt;script&gt;alert(2)"));
        let opened = text.matches("<script").count();
        assert_eq!(opened, text.matches("</script>").count());
        for outside in ["src=\"http", "href=\"http", "@import", "url(http"] {
            assert!(!text.contains(outside), "{outside}");
        }
    }
}

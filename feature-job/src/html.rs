//! Pages for people: one self-contained HTML file, readable without a network, on paper and in the dark.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The look of every page. No font, script or image from elsewhere: a page is a file that is kept.
const STYLE: &str = include_str!("html/page.css");

/// Puts content into a page. All text in the content is escaped by the macro that makes it.
pub fn page(title: &str, content: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Whatever a file's texts may say, a page of ours runs nothing and fetches nothing.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (content) } }
        }
    }
    .into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_nothing_is_fetched() {
        let page = page("<script>", &html! { p { "<img src=http://elsewhere/>" } });
        assert!(page.contains("&lt;script&gt;") && page.contains("&lt;img"), "{page}");
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<link"), "{page}");
    }
}

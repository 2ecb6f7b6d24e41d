//! One trace as a tree.

use std::{
    collections::HashMap,
    io::{self, Write as _},
};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::{
    clickhouse::spans::Span,
    output::{Output, Screen, Table, figures},
};

/// How deep the indentation goes; what is deeper is shown at this depth.
const DEEPEST: usize = 32;

/// How wide a terminal must be for bars, and how wide these are, in characters.
const WIDE: u16 = 110;
const BAR: u64 = 24;

/// A trace, its spans in the order of the tree.
pub(super) struct TraceTree {
    spans: Vec<Span>,
    nodes: Vec<Node>,
}

/// A place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    /// Which span.
    span: usize,
    depth: usize,
    origin: Origin,
}

/// How a span came to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Origin {
    /// It has no parent.
    Root,
    /// It is below its parent.
    Child,
    /// Its parent did not arrive.
    Orphan,
    /// It is its own ancestor.
    Cycle,
}

impl TraceTree {
    /// Arranges the spans of a trace, which come in the order in which they started.
    pub(super) fn new(spans: Vec<Span>) -> Self {
        let nodes = arrange(&spans);
        Self { spans, nodes }
    }
}

fn arrange(spans: &[Span]) -> Vec<Node> {
    // Two spans with one id can only be told apart by their place; the first has the children.
    let mut by_id = HashMap::new();
    for (index, span) in spans.iter().enumerate() {
        by_id.entry(span.span_id.as_str()).or_insert(index);
    }
    let mut children = vec![Vec::new(); spans.len()];
    let mut roots = Vec::new();
    for (index, span) in spans.iter().enumerate() {
        if span.parent_span_id.is_empty() {
            roots.push((index, Origin::Root));
            continue;
        }
        match by_id.get(span.parent_span_id.as_str()) {
            Some(&parent) => children[parent].push(index),
            None => roots.push((index, Origin::Orphan)),
        }
    }
    let mut nodes = Vec::with_capacity(spans.len());
    let mut placed = vec![false; spans.len()];
    let mut place = |root: usize, origin: Origin| {
        let mut waiting = vec![(root, 0, origin)];
        while let Some((span, depth, origin)) = waiting.pop() {
            if std::mem::replace(&mut placed[span], true) {
                continue;
            }
            nodes.push(Node {
                span,
                depth,
                origin,
            });
            let below = children[span].iter().rev();
            waiting.extend(below.map(|&child| (child, depth + 1, Origin::Child)));
        }
    };
    for (root, origin) in roots {
        place(root, origin);
    }
    // What no root leads to is in a circle, or hangs on one.
    for span in 0..spans.len() {
        place(span, Origin::Cycle);
    }
    nodes
}

impl Node {
    /// Indentation, name, and what is odd about its place.
    fn label(self, span: &Span) -> String {
        let indentation = "  ".repeat(self.depth.min(DEEPEST));
        let remark = match self.origin {
            Origin::Root | Origin::Child => "",
            Origin::Orphan => " (parent missing)",
            Origin::Cycle => " (its own ancestor)",
        };
        format!("{indentation}{}{remark}", span.span_name)
    }
}

/// Where in the trace a span is, as a bar of [`BAR`] characters.
fn bar(start: i128, end: i128, span_start: i128, span_end: i128) -> String {
    let length = (end - start).max(1);
    let width = i128::from(BAR);
    let place = |time: i128| ((time - start) * width / length).clamp(0, width);
    let from = place(span_start).min(width - 1);
    let to = place(span_end).max(from + 1);
    let repeat = |text: &str, count: i128| text.repeat(usize::try_from(count).unwrap_or(0));
    format!("{}{}", repeat(" ", from), repeat("█", to - from))
}

impl Serialize for TraceTree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Placed<'s> {
            depth: usize,
            place: Origin,
            #[serde(flatten)]
            span: &'s Span,
        }
        let spans: Vec<_> = self
            .nodes
            .iter()
            .map(|node| Placed {
                depth: node.depth,
                place: node.origin,
                span: &self.spans[node.span],
            })
            .collect();
        let mut trace = serializer.serialize_struct("Trace", 2)?;
        trace.serialize_field("trace_id", &self.spans.first().map(|span| &span.trace_id))?;
        trace.serialize_field("spans", &spans)?;
        trace.end()
    }
}

impl Output for TraceTree {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let Some(first) = self.spans.first() else {
            return Ok(());
        };
        let range = |span: &Span| {
            let start = span.start.as_nanosecond();
            (start, start + i128::from(span.duration_ns))
        };
        let start = first.start.as_nanosecond();
        let end = self.spans.iter().map(|span| range(span).1).max();
        let end = end.unwrap_or(start);
        let is_wide = screen.is_terminal()
            && rustix::termios::tcgetwinsize(io::stdout()).is_ok_and(|size| size.ws_col >= WIDE);
        let took = figures::time_span(u64::try_from(end - start).unwrap_or(0));
        let spans = figures::counted(self.spans.len() as u64, "span");
        writeln!(
            screen,
            "Trace {}: {spans}, {took}, from {} UTC",
            first.trace_id,
            first.start.strftime("%Y-%m-%d %H:%M:%S%.3f")
        )?;

        let mut titles = vec![
            "Span", "Service", "Kind", "After", "Duration", "Status", "Events",
        ];
        if is_wide {
            titles.push("Timeline");
        }
        let mut table = Table::new(titles).right(3).right(4).right(6);
        for node in &self.nodes {
            let span = &self.spans[node.span];
            let (span_start, span_end) = range(span);
            let after = u64::try_from(span_start - start).unwrap_or(0);
            let status = match (span.is_error(), span.status_message.as_str()) {
                (true, "") => "ERROR".to_owned(),
                (true, message) => format!("ERROR: {message}"),
                (false, _) => span.status_code.clone(),
            };
            let events = match span.events.len() {
                0 => String::new(),
                number => number.to_string(),
            };
            let mut cells = vec![
                node.label(span),
                span.service_name.clone(),
                span.span_kind.clone(),
                format!("+{}", figures::time_span(after)),
                figures::time_span(span.duration_ns),
                status,
                events,
            ];
            if is_wide {
                cells.push(bar(start, end, span_start, span_end));
            }
            if span.is_error() {
                table.failed_row(cells);
            } else {
                table.row(cells);
            }
        }
        screen.table(&table)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn span(id: &str, parent: &str) -> Span {
        Span {
            trace_id: "t".to_owned(),
            span_id: id.to_owned(),
            parent_span_id: parent.to_owned(),
            start: "2026-01-31T09:00:00Z".parse().unwrap(),
            duration_ns: 1_000_000,
            span_name: id.to_owned(),
            span_kind: "INTERNAL".to_owned(),
            status_code: "OK".to_owned(),
            status_message: String::new(),
            service_name: "api".to_owned(),
            project_name: "api".to_owned(),
            project_version: String::new(),
            environment: "dev".to_owned(),
            attributes: BTreeMap::new(),
            resource_attributes: BTreeMap::new(),
            events: Vec::new(),
            links: Vec::new(),
        }
    }

    fn labels(spans: &[(&str, &str)]) -> Vec<String> {
        let spans: Vec<_> = spans.iter().map(|(id, parent)| span(id, parent)).collect();
        let nodes = arrange(&spans);
        nodes
            .iter()
            .map(|node| node.label(&spans[node.span]))
            .collect()
    }

    #[test]
    fn children_are_below_their_parents_in_the_order_of_their_starts() {
        let spans = [("a", ""), ("b", "a"), ("c", "a"), ("d", "b"), ("e", "")];
        assert_eq!(labels(&spans), ["a", "  b", "    d", "  c", "e"]);
    }

    #[test]
    fn orphans_and_circles_are_shown_and_said_to_be_such() {
        let spans = [("a", "gone"), ("b", "c"), ("c", "b"), ("d", "d")];
        assert_eq!(
            labels(&spans),
            [
                "a (parent missing)",
                "b (its own ancestor)",
                "  c",
                "d (its own ancestor)"
            ]
        );
    }

    #[test]
    fn a_bar_is_never_empty_nor_too_long() {
        assert_eq!(bar(0, 24, 0, 24).chars().count(), 24);
        assert_eq!(bar(0, 24, 12, 12), format!("{}█", " ".repeat(12)));
        assert_eq!(bar(0, 0, 0, 0), "█");
        assert_eq!(bar(0, 24, 24, 24), format!("{}█", " ".repeat(23)));
    }

    #[test]
    fn a_chain_of_any_depth_is_arranged() {
        let spans: Vec<_> = (0..10_000_u32)
            .map(|n| {
                let parent = n.checked_sub(1).map_or(String::new(), |n| n.to_string());
                span(&n.to_string(), &parent)
            })
            .collect();
        assert_eq!(arrange(&spans).last().unwrap().depth, 9_999);
    }

    proptest! {
        #[test]
        fn every_span_is_shown_once(parents in proptest::collection::vec(0..12_u8, 0..12)) {
            let spans: Vec<_> = parents
                .iter()
                .enumerate()
                .map(|(index, parent)| span(&index.to_string(), &parent.to_string()))
                .collect();
            let mut shown: Vec<_> = arrange(&spans).iter().map(|node| node.span).collect();
            shown.sort_unstable();
            prop_assert_eq!(shown, (0..spans.len()).collect::<Vec<_>>());
        }
    }
}

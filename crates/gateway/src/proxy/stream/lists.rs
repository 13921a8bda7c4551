//! Lists on their way to the client: cut down to what a call would be allowed, and learned from.

use bytes::Bytes;
use mcp::{Era, Event, Filtered, Item, ListKind, filter_lists, make_private};
use policy::ToolAnnotations;

use super::Work;
use crate::proxy::authorize::shows;
use crate::proxy::error::ProxyError;
use crate::proxy::record::End;

impl Work {
    /// A JSON reply, filtered.
    pub(super) fn filter(&self, message: Bytes, end: &mut End) -> Result<Bytes, ProxyError> {
        Ok(self.filtered(&message, end)?.map_or(message, Bytes::from))
    }

    /// An event, filtered: its other lines stay.
    pub(super) fn filter_event(&self, event: &Event, data: &[u8], end: &mut End) -> Result<Vec<u8>, ProxyError> {
        // An event without JSON in it (an empty one that only carries an id) has no list.
        if data.is_empty() {
            return Ok(event.raw().to_vec());
        }
        if self.may_be_cached() {
            let made = make_private(data).map_err(|error| ProxyError::UpstreamInvalidReply(error.to_string()))?;
            return Ok(made.map_or_else(|| event.raw().to_vec(), |message| event.with_data(&message)));
        }
        Ok(self.filtered(data, end)?.map_or_else(|| event.raw().to_vec(), |message| event.with_data(&message)))
    }

    /// A JSON reply that no shared cache may keep.
    pub(super) fn made_private(message: Bytes) -> Result<Bytes, ProxyError> {
        let made = make_private(&message).map_err(|error| ProxyError::UpstreamInvalidReply(error.to_string()))?;
        Ok(made.map_or(message, Bytes::from))
    }

    fn filtered(&self, message: &[u8], end: &mut End) -> Result<Option<Vec<u8>>, ProxyError> {
        let mut keep = |item: &Item<'_>| {
            self.learn(item);
            shows(&self.exchange, &self.caller, item)
        };
        match filter_lists(message, self.era == Era::Modern, &mut keep) {
            Ok(Filtered::NoList) => Ok(None),
            Ok(Filtered::Lists { body, hidden, .. }) => {
                end.hidden += hidden;
                Ok(Some(body))
            }
            Err(error) => Err(ProxyError::UpstreamInvalidReply(error.to_string())),
        }
    }

    fn learn(&self, item: &Item<'_>) {
        if item.kind == ListKind::Tools {
            let annotations = ToolAnnotations { read_only: item.annotations.read_only, destructive: item.annotations.destructive };
            let app = &self.exchange.app;
            app.proxy.catalogue.learn(&self.exchange.upstream, &item.key, annotations, app.clock.now());
        }
    }
}

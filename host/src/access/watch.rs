//! The file of tokens as a running host knows it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::list::{TokenError, TokenList};
use crate::follow::follow;

/// A file of tokens, and what it said last.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    current: ArcSwap<TokenList>,
}

impl TokenFile {
    /// Reads the file.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn open(path: &Path) -> Result<Arc<Self>, TokenError> {
        let list = TokenList::load(path)?;
        Ok(Arc::new(Self { path: path.to_owned(), current: ArcSwap::from_pointee(list) }))
    }

    /// Gives the tokens that count now.
    pub fn current(&self) -> Arc<TokenList> {
        self.current.load_full()
    }

    /// Follows the file until the task is ended. What it says that cannot be used does not count: the tokens before it stay,
    /// since one slip of a hand must not lock everybody out.
    pub async fn follow(self: Arc<Self>) {
        follow(vec![self.path.clone()], || match TokenList::load(&self.path) {
            Ok(list) => {
                tracing::info!(tokens = list.principals().len(), file = %self.path.display(), "tokens read");
                self.current.store(Arc::new(list));
            }
            Err(error) => tracing::error!(%error, "the tokens from before it still count"),
        })
        .await;
    }
}

//! The guest: a model's parameters and how they score a row.

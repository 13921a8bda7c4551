//! Doorward: see ARCHITECTURE.md.

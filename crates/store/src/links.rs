//! Links between identities of one person, made by an administrator and by nobody else.
//!
//! A person keeps one row for each identity, with the groups of that identity provider alone. A link says that two rows are
//! one person: for the audit trail, and for ending everything. The first identity is never linked itself, so links make no
//! chains and no circles.

use crate::{Store, StoreError, User, UserId};

/// What became of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Linked {
    /// The identities are one person now. Whatever was linked to the other one is as well.
    Linked,
    /// They were before.
    Already,
    /// There is no such identity.
    Unknown(UserId),
    /// One is disabled and the other is not: which one holds is for a person to say.
    DisabledDiffers,
}

/// What became of taking a link back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlinked {
    /// The identity stands alone again.
    Unlinked,
    /// It is not linked to another one; these are linked to it.
    NotLinked(Vec<UserId>),
    /// There is no such identity.
    Unknown,
}

impl Store {
    /// Says that `other` is the person whose identity `primary` is.
    pub async fn link_users(&self, primary: UserId, other: UserId) -> Result<Linked, StoreError> {
        let Some(first) = self.user(primary).await? else { return Ok(Linked::Unknown(primary)) };
        let Some(second) = self.user(other).await? else { return Ok(Linked::Unknown(other)) };
        if first.person() == second.person() {
            return Ok(Linked::Already);
        }
        if first.disabled_at.is_some() != second.disabled_at.is_some() {
            return Ok(Linked::DisabledDiffers);
        }
        // In one statement over what the rows say by then: two administrators at once make no chain.
        sqlx::query(concat!(
            "UPDATE users SET linked_to = (SELECT COALESCE(linked_to, id) FROM users WHERE id = $2)
             WHERE id <> (SELECT COALESCE(linked_to, id) FROM users WHERE id = $2) AND id IN ",
            identities_of!()
        ))
        .bind(other.to_string())
        .bind(primary.to_string())
        .execute(self.writer())
        .await?;
        Ok(Linked::Linked)
    }

    /// Takes the link of an identity back. Its sessions and grants are its own, before and after.
    pub async fn unlink_user(&self, id: UserId) -> Result<Unlinked, StoreError> {
        let changed = sqlx::query("UPDATE users SET linked_to = NULL WHERE id = $1 AND linked_to IS NOT NULL")
            .bind(id.to_string())
            .execute(self.writer())
            .await?;
        if changed.rows_affected() == 1 {
            return Ok(Unlinked::Unlinked);
        }
        let Some(user) = self.user(id).await? else { return Ok(Unlinked::Unknown) };
        let others = self.identities(user.person()).await?;
        Ok(Unlinked::NotLinked(others.into_iter().map(|user| user.id).filter(|other| *other != id).collect()))
    }

    /// All identities of the person who has this one, the first one first. None if there is no such identity.
    pub async fn identities(&self, id: UserId) -> Result<Vec<User>, StoreError> {
        let rows: Vec<crate::users::UserRow> =
            sqlx::query_as(concat!("SELECT * FROM users WHERE id IN ", identities_of!(), " ORDER BY linked_to IS NOT NULL, id"))
                .bind(id.to_string())
                .fetch_all(self.reader())
                .await?;
        rows.into_iter().map(User::try_from).collect()
    }
}

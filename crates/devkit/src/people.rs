//! The four people whom the development identity providers know.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name to sign in with; also the `login_hint` of scripts.
    pub username: &'static str,
    /// The name to show.
    pub name: &'static str,
    /// The e-mail address.
    pub email: &'static str,
    /// The groups of the directory.
    pub groups: &'static [&'static str],
    /// What this person is for, in one line.
    pub about: &'static str,
}

/// All of them, in the order of the sign-in page.
pub const PEOPLE: [Person; 4] = [
    Person {
        username: "alice",
        name: "Alice Adler",
        email: "alice@example.com",
        groups: &["engineering"],
        about: "Engineering: every tool of every server",
    },
    Person {
        username: "bob",
        name: "Bob Brandt",
        email: "bob@example.com",
        groups: &["contractors"],
        about: "Contractor: only tools that read",
    },
    Person {
        username: "carol",
        name: "Carol Castro",
        email: "carol@example.com",
        groups: &["sales"],
        about: "Sales: reads the CRM and creates tickets; no deployments",
    },
    Person {
        username: "dave",
        name: "Dave Dorn",
        email: "dave@example.com",
        groups: &["administrators"],
        about: "Administrator: everything",
    },
];

/// The person with this username.
pub fn person(username: &str) -> Option<Person> {
    PEOPLE.into_iter().find(|person| person.username == username)
}

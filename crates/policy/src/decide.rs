//! The decision: Cedar over the slices that matter, and nothing but a clean permit lets a request pass.
//!
//! Cedar skips a policy that fails to evaluate, so a `forbid` with an error would be no `forbid` at all. Here any error denies.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet as CedarSet, Request as CedarRequest, RestrictedExpression,
};

use crate::request::{Action, Denial, DenialCode, Permit, Request};
use crate::set::{PolicySet, Slice};
use crate::vocabulary::ActionKind;

/// Decides. The permit holds `subject`: permission for one thing cannot travel with another.
pub fn decide<T>(set: &PolicySet, request: &Request<'_>, subject: T) -> Result<Permit<T>, Denial> {
    let (kind, name) = subject_of(&request.action);
    let slice = set.slices.get(request.upstream).and_then(|slices| slices.get(&kind));
    let Some(slice) = slice else { return Err(default_deny(request, kind, name)) };
    let question = Question::build(set, request, kind, name).map_err(|error| evaluation_error(Vec::new(), &error))?;
    let answer = question.ask(slice, request)?;
    if !answer.forbids.is_empty() {
        let reason = format!("{} is denied by {}", what(request, kind, name), answer.forbids.join(", "));
        return Err(Denial { code: DenialCode::ExplicitDeny, policies: answer.forbids, reason });
    }
    if answer.permits.is_empty() {
        return Err(default_deny(request, kind, name));
    }
    Ok(Permit::new(subject, answer.permits))
}

/// What Cedar is asked about: the action, and the name of the thing in the upstream.
fn subject_of<'a>(action: &Action<'a>) -> (ActionKind, &'a str) {
    match *action {
        Action::CallTool { name, .. } => (ActionKind::CallTool, name),
        Action::ReadResource { uri } | Action::Subscribe { uri } | Action::CompleteResource { uri } => (ActionKind::ReadResource, uri),
        Action::GetPrompt { name } | Action::CompletePrompt { name } => (ActionKind::GetPrompt, name),
        Action::ListTools | Action::ListResources | Action::ListPrompts | Action::Connect | Action::SetLogLevel => {
            (ActionKind::Connect, "")
        }
    }
}

struct Question {
    request: CedarRequest,
    entities: Entities,
}

/// The ids of the policies that matched, each once, in order.
struct Answer {
    permits: Vec<String>,
    forbids: Vec<String>,
}

impl Question {
    fn build(set: &PolicySet, request: &Request<'_>, kind: ActionKind, name: &str) -> Result<Self, String> {
        let words = &set.vocabulary;
        let principal = words.user(request.user);
        let resource = words.subject(kind, request.upstream, name);
        let person = person(set, request, principal.clone())?;
        let mut entities = vec![person];
        if kind != ActionKind::Connect {
            entities.push(thing(request, kind, name, resource.clone(), words.upstream(request.upstream))?);
        }
        let entities = Entities::from_entities(entities, None).map_err(|error| error.to_string())?;
        let context = context(set, request)?;
        let request = CedarRequest::new(principal, words.action(kind), resource, context, None).map_err(|error| error.to_string())?;
        Ok(Self { request, entities })
    }

    /// Asks the common policies and those of each role of the person, and joins the answers.
    fn ask(&self, slice: &Slice, request: &Request<'_>) -> Result<Answer, Denial> {
        let of_roles = request.roles.iter().filter_map(|role| slice.by_role.get(role));
        let mut answer = Answer { permits: Vec::new(), forbids: Vec::new() };
        for policies in std::iter::once(&slice.common).chain(of_roles).filter(|policies| !policies.is_empty()) {
            self.ask_one(policies, &mut answer)?;
        }
        for list in [&mut answer.permits, &mut answer.forbids] {
            list.sort();
            list.dedup();
        }
        Ok(answer)
    }

    fn ask_one(&self, policies: &CedarSet, answer: &mut Answer) -> Result<(), Denial> {
        let response = Authorizer::new().is_authorized(&self.request, policies, &self.entities);
        let failed: Vec<String> = response.diagnostics().errors().map(|error| error_policy(error).to_owned()).collect();
        if !failed.is_empty() {
            return Err(evaluation_error(failed, "a policy could not be evaluated"));
        }
        let reasons = response.diagnostics().reason().map(ToString::to_string);
        match response.decision() {
            Decision::Allow => answer.permits.extend(reasons),
            Decision::Deny => answer.forbids.extend(reasons),
        }
        Ok(())
    }
}

fn error_policy(error: &cedar_policy::AuthorizationError) -> &str {
    match error {
        cedar_policy::AuthorizationError::PolicyEvaluationError(error) => error.policy_id().as_ref(),
    }
}

/// The person: their roles as parents, what policies may read as attributes.
fn person(set: &PolicySet, request: &Request<'_>, uid: EntityUid) -> Result<Entity, String> {
    let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
    let mut attributes = HashMap::from([("idp".to_owned(), text(request.idp))]);
    attributes.extend(request.username.map(|value| ("username".to_owned(), text(value))));
    attributes.extend(request.email.map(|value| ("email".to_owned(), text(value))));
    if set.attributes.groups {
        attributes.insert("groups".to_owned(), RestrictedExpression::new_set(request.groups.iter().map(|group| text(group))));
    }
    let roles: HashSet<EntityUid> = request.roles.iter().map(|role| set.vocabulary.role(role)).collect();
    Entity::new(uid, attributes, roles).map_err(|error| error.to_string())
}

/// The tool, resource or prompt, in its upstream. An annotation that the upstream does not give is absent.
fn thing(request: &Request<'_>, kind: ActionKind, name: &str, uid: EntityUid, upstream: EntityUid) -> Result<Entity, String> {
    let key = if kind == ActionKind::ReadResource { "uri" } else { "name" };
    let mut attributes = HashMap::from([(key.to_owned(), RestrictedExpression::new_string(name.to_owned()))]);
    if let Action::CallTool { annotations, .. } = request.action {
        for (key, value) in [("read_only", annotations.read_only), ("destructive", annotations.destructive)] {
            attributes.extend(value.map(|value| (key.to_owned(), RestrictedExpression::new_bool(value))));
        }
    }
    Entity::new(uid, attributes, HashSet::from([upstream])).map_err(|error| error.to_string())
}

fn context(set: &PolicySet, request: &Request<'_>) -> Result<Context, String> {
    let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
    let mut pairs = vec![("client".to_owned(), text(request.client))];
    if set.attributes.scopes {
        pairs.push(("scopes".to_owned(), RestrictedExpression::new_set(request.scopes.iter().map(|scope| text(scope)))));
    }
    if let Action::CallTool { arguments: Some(arguments), .. } = request.action
        && set.attributes.argument_names
    {
        pairs.push(("argument_names".to_owned(), RestrictedExpression::new_set(arguments.keys().map(|name| text(name)))));
    }
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}

/// `tool "delete_contact" of upstream crm`.
fn what(request: &Request<'_>, kind: ActionKind, name: &str) -> String {
    let upstream = request.upstream;
    match kind {
        ActionKind::Connect => format!("upstream {upstream}"),
        ActionKind::CallTool => format!("tool {name:?} of upstream {upstream}"),
        ActionKind::ReadResource => format!("resource {name:?} of upstream {upstream}"),
        ActionKind::GetPrompt => format!("prompt {name:?} of upstream {upstream}"),
    }
}

fn default_deny(request: &Request<'_>, kind: ActionKind, name: &str) -> Denial {
    let roles = request.roles.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let whose = if roles.is_empty() { "a person without any role".to_owned() } else { format!("the roles {roles}") };
    let reason = format!("no policy permits {} to {whose}", what(request, kind, name));
    Denial { code: DenialCode::DefaultDeny, policies: Vec::new(), reason }
}

fn evaluation_error(mut policies: Vec<String>, reason: &str) -> Denial {
    policies.sort();
    Denial { code: DenialCode::EvaluationError, policies, reason: reason.to_owned() }
}

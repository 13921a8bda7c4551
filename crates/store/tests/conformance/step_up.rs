//! Demands for a better sign-in: how many there may be at a time.

use store::StepUpDemand;

use crate::common::{Fixture, at, client};

#[tokio::test]
async fn only_demands_in_force_count_against_new_ones() {
    let fixture = Fixture::new().await;
    let (alice, client) = (fixture.user("alice").await, client("cli_a"));
    let demand = StepUpDemand { user: alice.id, client: &client, upstream: "crm" };
    let want = async |tool: &str, expires, now| fixture.store.demand_step_up(&demand, Some(tool), at(expires), at(now)).await.unwrap();
    let wanted = async |now| fixture.store.step_up_demand(&demand, at(now)).await.unwrap().unwrap_or_default();
    for number in 0..40 {
        want(&format!("tool_{number:02}"), 600, 0).await;
    }
    assert_eq!(wanted(0).await.len(), 32, "a client that tries everything");
    want("tool_00", 900, 300).await;
    assert_eq!(wanted(600).await, ["tool_00"], "who asks again asks for longer");
    // Nothing is pruned yet: the rows that are over are still there.
    want("another", 1500, 900).await;
    assert_eq!(wanted(900).await, ["another"]);
}

//! Switches of Flow Service, which keeps the destinations and sources of a sandbox.

switches! {
    /// Switches of Flow Service, `/data/foundation/flowservice`.
    FlowServiceFlags {
        /// The name of the specification of the destination Experience Cloud Audiences. Worse: one that no page prints.
        destination_name: String =
            "Experience Cloud Audiences".to_owned() => "Adobe Experience Cloud Audiences (AAM)".to_owned(),
        /// How a change of a flow is answered: 200 with its id and entity tag, or 202 without a body.
        change_status: u16 = 200 => 202,
        /// What becomes of a change by API of a flow that the user interface made.
        changes: FlowChanges = FlowChanges::Work,
        /// What becomes of an audience that is selected a second time.
        second_selection: SecondSelection = SecondSelection::Kept,
        /// What becomes of an audience that the destination does not take: of another origin, not published, not there.
        untaken_audience: UntakenAudience = UntakenAudience::Refused => UntakenAudience::Ignored,
        /// Whether the service writes `name`, `createTime` and `updateTime` into what a client selects.
        selections_dated: bool = true => false,
        /// Whether the list of flows shows their transformations, where the selected audiences are.
        list_whole: bool = true => false,
        /// What a credential without the right to see flows gets.
        unseen_flows: UnseenFlows = UnseenFlows::Refused => UnseenFlows::LeftOut,
    }
}

readings! {
    /// What becomes of a change by API of a flow that the user interface made.
    FlowChanges {
        Work,
        /// 403
        Refused,
        /// The answer of a change, and no change.
        Ignored,
    }

    /// What becomes of an audience that is selected a second time.
    SecondSelection {
        /// It is selected twice, and stays selected where one of the two is removed.
        Kept,
        Ignored,
        /// 400
        Refused,
    }

    /// What becomes of an audience that the destination does not take.
    UntakenAudience {
        /// 400
        Refused,
        /// It is selected and never exported.
        Ignored,
    }

    /// What a credential without the right to see flows gets.
    UnseenFlows {
        /// 403
        Refused,
        /// Lists without them, and 404.
        LeftOut,
    }
}

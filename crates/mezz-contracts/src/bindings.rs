//! One module per contract, from the committed artifacts.
#![allow(missing_docs, clippy::too_many_arguments)]

use alloy_sol_types::sol;

sol!(
    #[derive(Debug, PartialEq, Eq)]
    Inbox,
    "../../contracts/artifacts/Inbox.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    Settlement,
    "../../contracts/artifacts/Settlement.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    Operators,
    "../../contracts/artifacts/Operators.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    Vault,
    "../../contracts/artifacts/Vault.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    Messenger,
    "../../contracts/artifacts/Messenger.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    MachineStep,
    "../../contracts/artifacts/MachineStep.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    PreimageOracle,
    "../../contracts/artifacts/PreimageOracle.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    Tournament,
    "../../contracts/artifacts/Tournament.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    Outbox,
    "../../contracts/artifacts/Outbox.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    InboxClock,
    "../../contracts/artifacts/InboxClock.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    FeeVault,
    "../../contracts/artifacts/FeeVault.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    TokenBridge,
    "../../contracts/artifacts/TokenBridge.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    BridgedToken,
    "../../contracts/artifacts/BridgedToken.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    LoadToken,
    "../../contracts/artifacts/LoadToken.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    LoadPair,
    "../../contracts/artifacts/LoadPair.json"
);

"""The guards of the protocol, one switch each: on in every scenario, off in exactly one mutant."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Guards:
    """Which guards are on."""

    # stamps
    stamped_before_load: bool = True
    nonce_compared: bool = True
    nonce_per_execution: bool = True
    open_before_load: bool = True
    key_is_a_tag: bool = True
    header_tags_judged: bool = True
    missing_tag_is_a_miss: bool = True
    age_from_born: bool = True
    # writers
    timeout_is_no_success: bool = True
    returns_after_all_buckets: bool = True
    delete_stamps_key: bool = True
    set_stamps_key: bool = True
    set_yields_to_delete: bool = True
    prune_raises_floor: bool = True
    prune_checks_nonce: bool = True
    layout: bool = True
    layout_is_read_in_bucket_0: bool = True
    # loads
    join_is_judged: bool = True
    join_sees_floor: bool = True
    join_is_provisional: bool = True
    batch_closes_when_sent: bool = True
    own_tag_needs_its_bucket: bool = True
    inherited_never_serves_own: bool = True
    inherits_tags: bool = True
    inherits_oldest_stamp: bool = True
    two_nonces_not_stored: bool = True
    unstorable_is_inherited: bool = True
    strictness_inherited: bool = True
    inner_bucket_unread_is_strict: bool = True
    # primaries
    fence: bool = True
    fence_has_replid: bool = True
    fence_by_server: bool = True
    batch_proves_primary: bool = True
    proof_comes_last: bool = True
    batch_keeps_connection: bool = True
    role_is_proven: bool = True
    bounded_reads_prove_too: bool = True
    replay: bool = True
    replay_noted_before_sending: bool = True
    replay_before_reads: bool = True
    replay_before_writes: bool = True
    # near tier
    lease: bool = True
    lease_from_send: bool = True
    lease_margin: bool = True
    lease_of_each_bucket: bool = True
    renew_compares_position: bool = True
    renew_compares_nonce: bool = True
    gap_is_noticed: bool = True
    resync_raises_floor: bool = True
    near_compares_nonce: bool = True
    near_put_is_judged: bool = True
    local_apply_writes_mirror: bool = True
    local_apply_is_counted: bool = True
    local_apply_keeps_pos: bool = True
    other_nonce_drops_bucket: bool = True
    other_nonce_outlives_beat: bool = True
    mirror_tag_before_count: bool = True
    hit_notes_first_count: bool = True
    wait_all_waits: bool = True
    wait_from_reply: bool = True
    token_compares_nonce: bool = True
    # transactions
    hold: bool = True
    hold_map: bool = True
    hold_by_server_clock: bool = True
    hold_covers_result_tags: bool = True
    open_tells_holds: bool = True
    quarantine: bool = True
    clear_keeps_holds: bool = True
    join_respects_hold: bool = True
    join_refuses_unknown_hold: bool = True
    finalize_stamps: bool = True
    commit_within_hold: bool = True
    # spare: the promise holds without them
    resync_after_confirmation: bool = True
    fence_has_run_id: bool = True
    publishes: bool = True


def names() -> tuple[str, ...]:
    """Return the names of all guards."""
    return tuple(field.name for field in fields(Guards))


def without(name: str) -> Guards:
    """Return all guards but one."""
    return replace(Guards(), **{name: False})

# ruff: noqa: E501
"""What each guard says, where it comes from, and the scenario that misses it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Guard:
    """One switch of ``Guards`` in words.

    ``number`` is the paragraph of the first design that asked for it (0.n an amendment, T n a trap,
    a bare number a section); "model" means that the model did. ``breaks`` is the property that is
    violated without it in ``scenario``.
    """

    name: str
    number: str
    scenario: str
    breaks: str
    text: str


def _rows(*rows: tuple[str, str, str, str, str]) -> tuple[Guard, ...]:
    return tuple(Guard(*row) for row in rows)


CATALOGUE = _rows(
    ("stamped_before_load", "1", "lazy", "G1", "a load's stamps are read before it starts"),
    ("nonce_compared", "3", "merged", "G1", "an entry of another nonce is not valid"),
    ("nonce_per_execution", "0.1", "race", "G1", "a nonce is made by the execution, never from the call's arguments alone"),
    ("open_before_load", "0.4", "race", "G1", "an absent bucket is opened before the load; there is no placeholder nonce"),
    ("key_is_a_tag", "0.6", "clear", "G1", "the key is a tag of its entry, so its bucket is always read"),
    ("header_tags_judged", "0.16", "deploy", "G1", "every tag of the header is judged, not only those of today's code"),
    ("missing_tag_is_a_miss", "0.16", "deploy", "G1", "an entry that lacks a tag its function now asks for is a miss"),
    ("age_from_born", "0.17", "age", "AGE", "the age comes from the start of the load, never from PX alone"),
    ("timeout_is_no_success", "4", "race", "G1", "a call without an answer is sent again; it does not count as done"),
    ("returns_after_all_buckets", "4", "late", "G1", "an invalidation returns when every bucket has answered"),
    ("delete_stamps_key", "0.16", "hand", "G1", "delete stamps the key; DEL alone does not stop a load in flight"),
    ("set_stamps_key", "0.16", "hand", "G1", "set by hand stamps the key, so a load in flight cannot overwrite it"),
    ("set_yields_to_delete", "model", "hand", "G1", "set with a stamp stores nothing if the key was stamped after it"),
    ("prune_raises_floor", "3", "core", "G1", "prune raises the floor to what it drops"),
    ("prune_checks_nonce", "0.14", "core", "FLOOR", "prune does nothing in a bucket of another nonce"),
    ("layout", "0.7", "layout2", "G1", "a client of another layout is refused"),
    ("layout_is_read_in_bucket_0", "model", "layout", "G1", "every client looks at bucket 0 before its first use"),
    ("join_is_judged", "T1", "core", "G1", "a joiner judges the load that it joined"),
    ("join_sees_floor", "T1", "core", "G1", "a joiner compares with the floor too"),
    ("join_is_provisional", "0.5", "result", "G1", "a joiner judges the final header, when the load has ended"),
    ("batch_closes_when_sent", "0.8", "merged", "G1", "a read joins a batch only until its first byte is handed over"),
    ("own_tag_needs_its_bucket", "0.6", "lazy", "G1", "an own tag whose bucket was not read before the load: not stored"),
    ("inherited_never_serves_own", "0.6", "lazy2", "G1", "an inner call's stamp never serves an own tag"),
    ("inherits_tags", "4", "nested", "G1", "an outer entry carries the tags of its inner calls"),
    ("inherits_oldest_stamp", "T3", "inner", "G1", "it carries them with the inner calls' stamps, not its own"),
    ("two_nonces_not_stored", "0.6", "nested", "G1", "a load that met two nonces of one bucket is not stored"),
    ("unstorable_is_inherited", "model", "hold-inner", "HOLD", "what used a value that may not be stored is not stored either"),
    ("strictness_inherited", "0.13", "inner", "G1", "an inner call of a strict read is not older than the outer start"),
    ("inner_bucket_unread_is_strict", "model", "inner2", "G1", "in a bucket that the outer call has not read, the inner call is strict"),
    ("fence", "3", "attach", "G1", "a bucket marked by another primary is not valid"),
    ("fence_has_replid", "T4", "failover", "G1", "the fence holds the replid, not the run_id alone"),
    ("fence_by_server", "0.2", "attach", "STEADY", "scripts read the fence themselves; no client supplies it"),
    ("batch_proves_primary", "0.3", "failover", "G1", "a batch ends with INFO; another primary makes it a miss"),
    ("proof_comes_last", "0.3", "failover", "G1", "INFO runs after the HMGETs of its batch"),
    ("role_is_proven", "0.3", "failover", "G1", "the role in INFO must be master"),
    ("batch_keeps_connection", "0.3", "split", "G1", "a batch that loses its connection is a miss"),
    ("bounded_reads_prove_too", "model", "away", "G2", "a bounded far read proves its primary as well"),
    ("replay", "0.11", "split", "G1", "a process issues its last invalidations again on a new primary"),
    ("replay_noted_before_sending", "model", "split", "G1", "it notes an invalidation for that before it sends it"),
    ("replay_before_reads", "model", "split", "G1", "it reads nothing from the cache before it has done so"),
    ("replay_before_writes", "0.11", "split", "G1", "no other invalidation returns before it has done so"),
    ("lease", "5", "near", "G2", "a near hit needs a lease"),
    ("lease_from_send", "T2", "slow", "ALL", "a lease counts from the sending of the heartbeat"),
    ("lease_margin", "0.7", "slow", "ALL", "readers lease a little less than writers wait"),
    ("lease_of_each_bucket", "0.10", "wide", "ALL", "an entry needs the lease of each of its buckets"),
    ("renew_compares_position", "T5", "near", "G2", "a lease is renewed only if the mirror is not behind the bucket"),
    ("renew_compares_nonce", "0.10", "lost", "G2", "a lease is renewed only under the same nonce"),
    ("gap_is_noticed", "5", "near", "G2", "a message that is not the next one loses the bucket"),
    ("resync_raises_floor", "0.10", "lost", "G2", "a resync raises the mirror's floor"),
    ("near_compares_nonce", "5", "anew", "G2", "a near entry of another nonce is not served"),
    ("near_put_is_judged", "0.9", "reply", "OWN", "an entry put into the near tier is judged at its first hit"),
    ("local_apply_writes_mirror", "0.9", "reply", "OWN", "an invalidation writes the process's own mirror before it returns"),
    ("local_apply_is_counted", "0.9", "threads", "OWN", "and counts that as a change of the mirror"),
    ("local_apply_keeps_pos", "0.9", "near", "G2", "and leaves pos alone"),
    ("other_nonce_drops_bucket", "0.9", "reply", "OWN", "a reply with another nonce drops the mirror of the bucket"),
    ("other_nonce_outlives_beat", "model", "reply", "OWN", "and a heartbeat sent before that does not bring it back"),
    ("mirror_tag_before_count", "0.9", "threads", "OWN", "the mirror is written tag first, then pos, then the count of changes"),
    ("hit_notes_first_count", "0.9", "threads", "OWN", "a hit notes the count of changes that it read first"),
    ("wait_all_waits", "4", "slow", "ALL", 'wait="all" waits for L'),
    ("wait_from_reply", "4", "wide", "ALL", "counted from the last reply"),
    ("token_compares_nonce", "0.13", "token", "TOKEN", "a token of another nonce means a strict read"),
    ("hold", "4", "hold", "HOLD", "a held tag is not stored"),
    ("hold_map", "0.12", "hold", "HOLD", "each transaction has its own hold"),
    ("hold_by_server_clock", "0.12", "hold", "HOLD", "a hold is judged by the TIME of the batch"),
    ("hold_covers_result_tags", "model", "hold-result", "HOLD", "a load with tags from its result respects every hold of its buckets"),
    ("open_tells_holds", "model", "rollback", "HOLD", "open.lua answers with the holds too"),
    ("quarantine", "0.12", "hold-loss", "HOLD", "nothing is stored in a new bucket for max_hold"),
    ("clear_keeps_holds", "0.12", "hold-clear", "HOLD", "clear keeps the holds"),
    ("join_respects_hold", "model", "hold", "HOLD", "a load under a hold serves only joiners that began before the hold's end"),
    ("join_refuses_unknown_hold", "model", "hold-result", "HOLD", "a load under a quarantine serves no joiner"),
    ("finalize_stamps", "4", "hold", "HOLD", "finalize stamps again"),
    ("commit_within_hold", "T7", "hold", "HOLD", "the database's time-out is shorter than the hold"),
)  # fmt: skip

# The promise holds without these: they are checked to be spare, and kept for what the text says.
SPARE = _rows(
    ("resync_after_confirmation", "0.10", "lost", "holds", "a resync reads after the subscription was confirmed (saves a second resync)"),
    ("publishes", "5", "near", "holds", "an invalidation is published (near tiers hear of it at once, not at the next heartbeat)"),
    ("fence_has_run_id", "3", "failover", "holds", "the fence holds the run_id beside the replid (for servers restored with a replid)"),
)  # fmt: skip

# Whose counterexample is found within a few thousand states: these run with every test run.
QUICK = frozenset(
    {
        "stamped_before_load", "nonce_compared", "age_from_born", "delete_stamps_key", "prune_checks_nonce", "layout",
        "layout_is_read_in_bucket_0", "join_is_judged", "batch_closes_when_sent", "own_tag_needs_its_bucket",
        "inherited_never_serves_own", "fence_by_server", "batch_proves_primary", "lease", "lease_from_send", "lease_margin",
        "renew_compares_position", "near_put_is_judged", "local_apply_writes_mirror", "wait_all_waits", "token_compares_nonce",
        "mirror_tag_before_count", "hit_notes_first_count", "strictness_inherited", "inner_bucket_unread_is_strict",
        "timeout_is_no_success", "key_is_a_tag", "hold_covers_result_tags", "unstorable_is_inherited",
        "join_refuses_unknown_hold",
    }
)  # fmt: skip

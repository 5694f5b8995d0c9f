"""The gate's rules, one test for each row of its table. Run: python3 test_gate.py DBC"""

import sys
import unittest

from bus import CAN_FRAME, Contract, Sender
from gate import GUARDS, Gate

MS = 1_000_000
NO_LIMIT = 16777215
NAMES = [name for name, _ in GUARDS]
contract = None


class Rules(unittest.TestCase):
    def setUp(self):
        self.now = 1_000 * MS
        self.gate = Gate(contract, 25 * MS, self.now)
        self.senders = {n: Sender(contract, n, State=0, Reason=0, DeliveryId=0, PulseLease=0) for n in NAMES}

    def say(self, name, state, delivery, lease, edit=None, skip=0, length=8):
        s = self.senders[name]
        s.set(State=contract.choices(name, "State").get(state, state), DeliveryId=delivery, PulseLease=lease)
        for _ in range(skip):
            s.next()
        identifier, _, data = CAN_FRAME.unpack(s.next())
        if edit is not None:
            data = bytes([data[0] ^ edit]) + data[1:]
        self.gate.receive(self.now, identifier, data[:length])
        return data

    def all(self, state, delivery, lease, but=()):
        self.now += 5 * MS
        for n in NAMES:
            if n not in but:
                self.say(n, state, delivery, NO_LIMIT if lease == NO_LIMIT and n == "PERMIT_TIME" else min(lease, 1000))

    def expect(self, state, cause, by):
        g = self.gate
        self.gate.pass_time(self.now)
        self.assertEqual((g.state_names[g.state], g.cause_names[g.cause], g.closed_by), (state, cause, by))

    def open(self, delivery=7, lease=1):
        self.all("WITHHELD", delivery, 0)
        self.all("PERMIT", delivery, lease)

    def test_power_up(self):
        self.expect("CLOSED", "PERMIT_WITHHELD", 15)
        self.now += 26 * MS
        self.expect("CLOSED", "PERMIT_STALE", 15)
        self.assertIsNone(self.gate.held)

    def test_left_over_permit_opens_nothing(self):
        self.all("PERMIT", 7, 5)
        self.expect("CLOSED", "DELIVERY_MISMATCH", 15)

    def test_take_up_needs_all_four(self):
        self.all("WITHHELD", 7, 0, but=NAMES[3:])
        self.assertIsNone(self.gate.held)
        self.say(NAMES[3], "WITHHELD", 7, 1)
        self.assertIsNone(self.gate.held, "a lease was not 0")
        self.say(NAMES[3], "WITHHELD", 8, 0)
        self.assertIsNone(self.gate.held, "another id")
        self.say(NAMES[3], "WITHHELD", 7, 0)
        self.assertEqual(self.gate.held, 7)
        self.expect("CLOSED", "PERMIT_WITHHELD", 15)

    def test_delivery_0_is_none(self):
        self.all("WITHHELD", 0, 0)
        self.assertIsNone(self.gate.held)

    def test_same_delivery_is_not_taken_up_again(self):
        self.open()
        self.gate.request(self.now, True)
        self.assertTrue(self.gate.fire(self.now))
        self.all("WITHHELD", 7, 0)
        self.assertEqual((self.gate.pulses, self.gate.deliveries), (1, 1))

    def test_opens_and_counts_leases(self):
        self.open(lease=2)
        self.expect("OPEN", "NONE", 0)
        self.assertFalse(self.gate.fire(self.now), "nobody asked for beam")
        self.gate.request(self.now, True)
        self.assertTrue(self.gate.fire(self.now))
        self.assertTrue(self.gate.fire(self.now))
        self.assertFalse(self.gate.fire(self.now))
        self.expect("OPEN", "LEASE_USED", 15)
        self.now += 1
        for n in NAMES[:3]:
            self.say(n, "PERMIT", 7, 3)
        self.expect("OPEN", "LEASE_USED", 8)
        self.say(NAMES[3], "PERMIT", 7, 3)
        self.assertTrue(self.gate.fire(self.now))

    def test_lower_lease_counts(self):
        self.open(lease=9)
        self.gate.request(self.now, True)
        self.gate.fire(self.now), self.gate.fire(self.now)
        self.say("PERMIT_DOSE2", "PERMIT", 7, 1)
        self.expect("OPEN", "LEASE_USED", 2)
        self.assertEqual(self.gate.pulses, 2)

    def test_lease_0_opens_without_beam(self):
        self.open(lease=1)
        self.say("PERMIT_DOSE1", "PERMIT", 7, 0)
        self.expect("OPEN", "LEASE_USED", 1)

    def test_no_limit_only_from_the_time_guard(self):
        self.open()
        self.say("PERMIT_TIME", "PERMIT", 7, NO_LIMIT)
        self.expect("OPEN", "NONE", 0)
        self.say("PERMIT_DOSE1", "PERMIT", 7, NO_LIMIT)
        self.expect("CLOSED", "PERMIT_INVALID", 1)
        self.say("PERMIT_DOSE1", "PERMIT", 7, 1)
        self.expect("CLOSED", "PERMIT_WITHHELD", 1)

    def test_stale_then_worthless_until_withheld(self):
        self.open()
        for _ in range(5):
            self.all("PERMIT", 7, 1, but=NAMES[1:2])
        self.expect("OPEN", "NONE", 0)        # exactly 25 ms old
        self.now += 1
        self.expect("CLOSED", "PERMIT_STALE", 2)
        self.say(NAMES[1], "PERMIT", 7, 1)
        self.expect("CLOSED", "PERMIT_WITHHELD", 2)
        self.say(NAMES[1], "WITHHELD", 7, 1)
        self.say(NAMES[1], "PERMIT", 7, 1)
        self.expect("OPEN", "NONE", 0)

    def test_an_outage_that_nobody_watched_counts(self):
        self.open()
        self.now += 26 * MS
        self.say(NAMES[0], "PERMIT", 7, 1)    # ends the outage before the gate was asked
        self.expect("CLOSED", "PERMIT_STALE", 14)
        for n in NAMES[1:]:
            self.say(n, "WITHHELD", 7, 1), self.say(n, "PERMIT", 7, 1)
        self.expect("CLOSED", "PERMIT_WITHHELD", 1)

    def test_wrong_crc_and_length(self):
        for fault in (dict(edit=1), dict(length=7), dict(length=0)):
            self.setUp()
            self.open()
            self.say("PERMIT_TIME", "PERMIT", 7, 1, **fault)
            self.expect("CLOSED", "PERMIT_INVALID", 4)
            self.say("PERMIT_TIME", "PERMIT", 7, 1)
            self.expect("CLOSED", "PERMIT_WITHHELD", 4)

    def test_counter_steps(self):
        for skip, outcome in ((0, "NONE"), (1, "NONE"), (2, "NONE"), (3, "PERMIT_INVALID"), (13, "PERMIT_INVALID")):
            self.setUp()
            self.open()
            self.say("PERMIT_DOSE1", "PERMIT", 7, 1, skip=skip)
            self.assertEqual(self.gate.cause_names[self.gate.cause], outcome, f"skipped {skip}")

    def test_a_repeat_renews_nothing(self):
        self.open()
        data = self.say("PERMIT_DOSE1", "PERMIT", 7, 1)
        for _ in range(6):
            self.all("PERMIT", 7, 1, but=NAMES[:1])
            self.gate.receive(self.now, 17, data)
        self.expect("CLOSED", "PERMIT_STALE", 1)
        self.assertEqual(self.gate.permits[0].repeats, 6)

    def test_tripped_latches(self):
        self.open()
        self.gate.request(self.now, True)
        self.say("PERMIT_DOSE2", "TRIPPED", 7, 1, skip=9)        # whatever its counter
        self.expect("LATCHED", "PERMIT_TRIPPED", 2)
        self.assertFalse(self.gate.fire(self.now))
        self.all("WITHHELD", 7, 1)
        self.all("PERMIT", 7, 1)
        self.expect("LATCHED", "PERMIT_TRIPPED", 2)
        self.now += 99 * MS
        self.expect("LATCHED", "PERMIT_TRIPPED", 2)
        for n in NAMES:
            self.say(n, "WITHHELD", 8, 0), self.say(n, "WITHHELD", 8, 0)
        self.expect("CLOSED", "PERMIT_WITHHELD", 15)
        self.assertEqual((self.gate.held, self.gate.pulses, self.gate.beam_on_ns), (8, 0, 0))

    def test_latched_names_all_whose_tripped_was_heard(self):
        # the end of a proof: one guard trips from OPEN and LEASE_USED, then each other, and the delivery is taken up after it
        self.open(lease=1)
        self.say("PERMIT_INTERLOCK", "PERMIT", 7, 0)
        self.expect("OPEN", "LEASE_USED", 8)
        by = 0
        for name, bit in (GUARDS[2], GUARDS[0], GUARDS[1], GUARDS[3]):
            self.now += 5 * MS
            self.say(name, "TRIPPED", 7, 0)
            by |= bit
            self.expect("LATCHED", "PERMIT_TRIPPED", by)
        self.say("PERMIT_TIME", "TRIPPED", 6, 0)
        self.expect("LATCHED", "PERMIT_TRIPPED", 15)
        self.all("WITHHELD", 8, 0)
        self.expect("CLOSED", "PERMIT_WITHHELD", 15)
        self.assertEqual((self.gate.held, self.gate.deliveries), (8, 2))

    def test_defects_are_what_they_say(self):
        self.open(lease=1)
        self.gate.permits[0].stale_after *= 4
        for _ in range(5):
            self.all("PERMIT", 7, 1, but=NAMES[:1])
        self.now += 1
        self.expect("OPEN", "NONE", 0)
        self.gate.permits[2].ignores_trips = True
        self.say("PERMIT_TIME", "TRIPPED", 7, 1)
        self.expect("CLOSED", "PERMIT_WITHHELD", 4)
        self.say("PERMIT_DOSE2", "TRIPPED", 7, 1)
        self.expect("LATCHED", "PERMIT_TRIPPED", 2)
        self.gate.fire_closed(self.now)
        self.assertEqual((self.gate.pulses, self.gate.report_due), (1, True))

    def test_tripped_with_wrong_crc_or_other_id_does_not_latch(self):
        self.open()
        self.say("PERMIT_DOSE2", "TRIPPED", 7, 1, edit=1)
        self.expect("CLOSED", "PERMIT_INVALID", 2)
        self.say("PERMIT_DOSE2", "TRIPPED", 6, 1)
        self.expect("CLOSED", "DELIVERY_MISMATCH", 2)

    def test_withheld_of_another_id_gives_no_worth(self):
        self.open()
        self.say("PERMIT_DOSE1", "WITHHELD", 6, 0)
        self.expect("CLOSED", "DELIVERY_MISMATCH", 1)
        self.say("PERMIT_DOSE1", "PERMIT", 7, 1)
        self.expect("CLOSED", "PERMIT_WITHHELD", 1)

    def test_hardware_interlock(self):
        self.open()
        self.gate.interlock = True
        self.expect("CLOSED", "HARDWARE_INTERLOCK", 0)
        self.gate.interlock = False
        self.expect("OPEN", "NONE", 0)

    def test_order_of_causes(self):
        self.open()
        self.say("PERMIT_DOSE1", "WITHHELD", 7, 1)
        self.expect("CLOSED", "PERMIT_WITHHELD", 1)
        self.say("PERMIT_DOSE2", "PERMIT", 6, 1)
        self.expect("CLOSED", "DELIVERY_MISMATCH", 2)
        for _ in range(6):
            self.all("WITHHELD", 7, 1, but=NAMES[1:3])
            self.say("PERMIT_DOSE2", "PERMIT", 6, 1)
        self.expect("CLOSED", "PERMIT_STALE", 4)
        self.say("PERMIT_INTERLOCK", "PERMIT", 7, 1, edit=1)
        self.expect("CLOSED", "PERMIT_INVALID", 8)
        self.gate.interlock = True
        self.expect("CLOSED", "HARDWARE_INTERLOCK", 0)
        self.say("PERMIT_DOSE1", "TRIPPED", 7, 1)
        self.expect("LATCHED", "PERMIT_TRIPPED", 1)

    def test_beam_on_time_runs_while_open_and_requested(self):
        self.open()
        self.all("PERMIT", 7, 1)
        self.assertEqual(self.gate.beam_on_ns, 0)
        self.gate.request(self.now, True)
        for _ in range(4):
            self.all("PERMIT", 7, 1)
        self.gate.pass_time(self.now + 40 * MS)       # stale after 25 of them: the gate closed then
        self.assertEqual(self.gate.beam_on_ns, (20 + 25) * MS)

    def test_report_due(self):
        self.open(lease=2)
        self.gate.request(self.now, True)
        self.gate.report_due = False
        self.all("PERMIT", 7, 2)
        self.assertFalse(self.gate.report_due)
        self.gate.fire(self.now)
        self.assertTrue(self.gate.report_due)


if __name__ == "__main__":
    contract = Contract(sys.argv.pop(1))
    wrong = contract.self_test()
    assert not wrong, wrong
    unittest.main()

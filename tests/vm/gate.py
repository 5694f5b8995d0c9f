"""The beam gate: the rules of the treatment unit's hardware, and nothing of buses, clocks or beams.

Time comes in with every call, in nanoseconds; frames come in as they arrived, each with its own time.
"""

from bus import Reader

GUARDS = (("PERMIT_DOSE1", 1), ("PERMIT_DOSE2", 2), ("PERMIT_TIME", 4), ("PERMIT_INTERLOCK", 8))
NO_LIMIT = 16777215           # a lease without an end: the time guard's only
LAST_PULSE = 16777214         # where the gate's count stops
COUNTERS = 15                 # alive counters run 0 to 14


class Permit:
    """One guard's permit, as the gate holds it."""

    def __init__(self, contract, name, bit, now, stale_after):
        self.reader = Reader(contract, name)
        self.name, self.bit = name, bit
        self.reference = None     # the counter that the next frame is measured against
        self.stale_after = stale_after    # nanoseconds without a valid frame
        self.ignores_trips = False        # a defect that a test asks for
        self.heard = now          # when the last valid frame arrived
        self.invalid = False      # a fault since the last valid frame
        self.state = 0            # of the last valid frame; WITHHELD at power-up
        self.delivery = None
        self.lease = 0
        self.worth = False        # a WITHHELD for the delivery held came since power-up or the last outage
        self.taken = self.lost = self.repeats = self.faults = 0

    def step(self, counter):
        """Judges an alive counter: True for a frame to take, False for one to drop, None for a fault."""
        reference, self.reference = self.reference, counter
        if counter >= COUNTERS:
            self.reference = None             # 15 is no counter: the next frame sets the reference
            return None
        if reference is None:
            return True
        step = (counter - reference) % COUNTERS
        if step == 0:
            self.repeats += 1
            return False
        if step > 3:
            return None
        self.lost += step - 1
        return True


class Gate:
    def __init__(self, contract, stale_after_ns, now):
        self.states = contract.choices("GATE_STATUS", "State")
        self.causes = contract.choices("GATE_STATUS", "CloseCause")
        self.permit_states = contract.choices("PERMIT_DOSE1", "State")
        self.state_names = {v: k for k, v in self.states.items()}
        self.cause_names = {v: k for k, v in self.causes.items()}
        self.withheld, self.permitted, self.tripped = (
            self.permit_states[s] for s in ("WITHHELD", "PERMIT", "TRIPPED"))
        self.permits = [Permit(contract, name, bit, now, stale_after_ns) for name, bit in GUARDS]
        self.by_identifier = {p.reader.identifier: p for p in self.permits}
        self.held = None                  # the delivery taken up
        self.trippers = 0                 # all whose TRIPPED of this delivery was heard
        self.latched_at = None            # when the first of them was
        self.interlock = False            # the gate's own hardware interlock input stands open
        self.requested = False            # the console asks for beam
        self.pulses = 0
        self.beam_on_ns = 0
        self.clock = now
        self.state = self.states["CLOSED"]
        self.cause, self.closed_by = self.causes["PERMIT_WITHHELD"], 15
        self.report_due = False           # State, CloseCause or PulseCount changed since the last report
        self.history = []                 # one row for each change of State, CloseCause or ClosedBy
        self.deliveries = 0
        self._note(now)

    # What comes in

    def receive(self, now, identifier, data):
        """A permit frame that arrived at `now`."""
        self.pass_time(now)               # an outage counts, even if this frame ends it
        permit = self.by_identifier[identifier]
        read = permit.reader.read(data)
        if read is None or not read[0]:
            self._fault(permit, read[1]["Alive"] if read else None)
            self.judge(now)
            return
        signals = read[1]
        state, delivery, lease = signals["State"], signals["DeliveryId"], signals["PulseLease"]
        if state == self.tripped and delivery == self.held and not permit.ignores_trips:
            self.trippers |= permit.bit   # latches whatever the counter says
            self.latched_at = self.latched_at or now
        take = permit.step(signals["Alive"])
        if take is None:
            permit.faults += 1
            permit.invalid, permit.worth = True, False
        elif take:
            if state > self.tripped or (lease == NO_LIMIT and permit.name != "PERMIT_TIME"):
                self._fault(permit, signals["Alive"])
            else:
                permit.taken += 1
                permit.heard, permit.invalid = now, False
                permit.state, permit.delivery, permit.lease = state, delivery, lease
                if state == self.withheld and delivery == self.held:
                    permit.worth = True
        self.judge(now)

    def _fault(self, permit, counter):
        permit.faults += 1
        permit.invalid, permit.worth = True, False
        permit.reference = counter if counter is not None and counter < COUNTERS else None

    def request(self, now, requested):
        self.pass_time(now)
        self.requested = requested

    def fire(self, now):
        """Fires the next pulse if the rules allow it at this moment."""
        self.pass_time(now)
        if self.state != self.states["OPEN"] or self.cause or not self.requested or self.pulses >= LAST_PULSE:
            return False
        self._count_pulse(now)
        return True

    def fire_closed(self, now):
        """A defect that a test asks for: the trigger is released although the gate is latched, and counted like any other."""
        self.pass_time(now)
        self._count_pulse(now)

    def _count_pulse(self, now):
        self.pulses += 1
        self.report_due = True
        self.judge(now)

    # What follows from it

    def pass_time(self, now):
        """Lets the gate's clock run to `now`: beam-on time, and permits that went stale meanwhile."""
        if now > self.clock:
            if self.requested and self.state == self.states["OPEN"]:
                # An outage closes the gate when the permit turns stale, not when somebody looks.
                until = min(now, self.stale_at())
                self.beam_on_ns += max(0, until - self.clock)
            self.clock = now
        self.judge(now)

    def stale_at(self):
        """When the first permit turns stale."""
        return min(p.heard + p.stale_after for p in self.permits)

    def judge(self, now):
        """State, cause and whose permits."""
        invalid = stale = mismatch = withheld = 0
        for p in self.permits:
            if p.invalid:
                invalid |= p.bit
            if p.heard + p.stale_after < now:
                stale |= p.bit
                p.worth = False
            if p.delivery != self.held:
                mismatch |= p.bit
                p.worth = False
            if not p.worth or p.state != self.permitted:
                withheld |= p.bit
        if mismatch and not invalid and not stale and self._take_up(now):
            mismatch, withheld = 0, 15
        state, cause, by = "CLOSED", "NONE", 0
        if self.trippers:
            state, cause, by = "LATCHED", "PERMIT_TRIPPED", self.trippers
        elif self.interlock:
            cause = "HARDWARE_INTERLOCK"
        elif invalid:
            cause, by = "PERMIT_INVALID", invalid
        elif stale:
            cause, by = "PERMIT_STALE", stale
        elif mismatch:
            cause, by = "DELIVERY_MISMATCH", mismatch
        elif withheld:
            cause, by = "PERMIT_WITHHELD", withheld
        else:
            state = "OPEN"
            for p in self.permits:
                if p.lease != NO_LIMIT and self.pulses >= p.lease:
                    cause, by = "LEASE_USED", by | p.bit
        self._become(now, self.states[state], self.causes[cause], by)

    def _take_up(self, now):
        """A delivery is taken up when all four withhold one and the same new id with nothing leased."""
        offered = self.permits[0].delivery
        if not offered or offered == self.held:
            return False
        for p in self.permits:
            if p.delivery != offered or p.state != self.withheld or p.lease:
                return False
        self.held, self.trippers, self.latched_at, self.pulses, self.beam_on_ns = offered, 0, None, 0, 0
        self.deliveries += 1
        for p in self.permits:
            p.worth = True
        return True

    def _become(self, now, state, cause, by):
        if state != self.state or cause != self.cause:
            self.report_due = True
        elif by == self.closed_by:
            return
        self.state, self.cause, self.closed_by = state, cause, by
        self._note(now)

    def _note(self, now):
        self.history.append((now, self.state, self.cause, self.closed_by, self.pulses, self.held))

    def rows(self, start):
        """The history for a person: seconds since `start`, and the DBC's names."""
        return [dict(t=round((t - start) / 1e9, 4), state=self.state_names[state], cause=self.cause_names[cause],
                     closed_by=by, pulses=pulses, delivery=held)
                for t, state, cause, by, pulses, held in self.history]

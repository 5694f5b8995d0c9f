"""What the treatment unit consists of besides its gate: the beam and two monitor chambers, with the faults a test asks for."""

import random

from bus import Sender

FAULTS = ("mon1-stuck", "mon1-silent", "mon1-saturated", "mon2-low", "mon2-silent", "mon2-frozen", "crc", "door", "chambers")
BEAM_REQUESTED, DOOR = 32768, 1       # bits of LINAC_STATUS.Interlocks, as its comment in the DBC says
SATURATED = 1                         # bit of MONx_DOSE.Flags
READY = 1                             # MONx_STATUS.Mode


class Beam:
    """Pulses of a seeded, slightly unsteady charge. What it gave is the truth that a delivery is judged by."""

    def __init__(self, mu_per_pulse, noise, seed):
        self.random = random.Random(seed)
        self.mu_per_pulse, self.noise = mu_per_pulse, noise
        self.given_mu = 0.0

    def pulse(self):
        mu = self.mu_per_pulse * max(0.0, self.random.gauss(1.0, self.noise))
        self.given_mu += mu
        return mu


class Chamber:
    """A transmission chamber and its electrometer: cumulative charge modulo 2^32, pulses modulo 2^16."""

    def __init__(self, contract, number, args):
        self.number = number
        self.pc_per_mu = args.pc_per_mu * (args.gain2 if number == 2 else 1.0)
        self.leakage_pa = args.leakage
        self.noise, self.random = args.chamber_noise, random.Random(args.seed * 2 + number)
        self.at_start = float(args.charge_at_start)
        self.told = self.at_start         # the reading, which a fault may falsify
        self.collected = 0.0              # the truth in pC since start, leakage left out
        self.pulses = args.pulses_at_start
        self.leaked_to = None
        self.stuck = self.silent = self.frozen = self.low = self.saturated = self.corrupt_next = False
        self.dose = Sender(contract, f"MON{number}_DOSE", Flags=0, PulseCount=0, Charge=0)
        self.status = Sender(contract, f"MON{number}_STATUS", Mode=READY, PolarisingVoltage=args.voltage,
                             LeakageCurrent=args.leakage, Faults=0)

    def fault(self, name):
        what = name.removeprefix(f"mon{self.number}-")
        if name == "crc" and self.number == 1:
            self.corrupt_next = True
        elif name == "chambers":          # the node that both stand on died; the gate goes on
            self.silent = True
        elif what != name:
            setattr(self, what, True)

    def collect(self, mu):
        """One pulse of the beam went through."""
        charge = mu * self.pc_per_mu * self.random.gauss(1.0, self.noise)
        self.collected += charge
        if self.frozen:                   # it goes on telling what it told before
            return
        self.pulses += 1
        if self.saturated:
            charge *= 0.6                 # recombination: part of the charge never arrives
        if self.low:
            charge *= 0.94
        if not self.stuck:
            self.told += charge

    def dose_frame(self, now):
        """The frame to send now, or None while the chamber is silent."""
        if self.silent:
            return None
        if self.leaked_to is not None and not self.stuck:
            self.told += self.leakage_pa * (now - self.leaked_to) / 1e9
        self.leaked_to = now
        self.dose.set(Flags=SATURATED if self.saturated else 0, PulseCount=self.pulses % 65536,
                      Charge=int(self.told) % 2**32)
        frame = self.dose.next()
        if self.corrupt_next:
            self.corrupt_next = False
            frame = frame[:8] + bytes([frame[8] ^ 0x55]) + frame[9:]
        return frame

    def status_frame(self):
        return None if self.silent else self.status.next()

    def report(self):
        told = self.told - self.at_start
        return dict(truth_pc=round(self.collected, 1), truth_mu=round(self.collected / self.pc_per_mu, 4),
                    told_pc=round(told, 1), told_mu=round(told / self.pc_per_mu, 4))

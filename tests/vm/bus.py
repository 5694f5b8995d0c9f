"""The frames of the bus contract, for the independent treatment unit and for the judge.

cantools packs and unpacks by the project's DBC; the third-party autosar-e2e library protects and checks (Profile 1,
variant 1A, Data ID = CAN identifier). Nothing here knows a bit position, a polynomial or a period by itself.
"""

import struct

import cantools
from e2e.p01 import e2e_p01_protect

# The kernel's can_frame: identifier, length, three bytes of padding, eight of data.
CAN_FRAME = struct.Struct("=IB3x8s")

# The contract's worked examples: what this peer must produce, byte for byte, before it may speak to anybody.
KNOWN = (
    ("MON1_DOSE", dict(Alive=3, Flags=0, PulseCount=1000, Charge=123456789), "e103e80315cd5b07"),
    ("PERMIT_DOSE1", dict(Alive=0, State="PERMIT", Reason="NONE", DeliveryId=7, PulseLease=250), "4e10000700fa0000"),
    ("GATE_STATUS", dict(Alive=14, State="OPEN", CloseCause="NONE", ClosedBy=0, PulseCount=249, BeamOnTime=49.80),
     "e61e00f900007413"),
    ("LINAC_STATUS", dict(Alive=1, Docking="HARD_DOCKED", Energy=9.0, Applicator=17, PulseRate=5.0, Interlocks=32768),
     "78315a1132000080"),
)


class Contract:
    """The DBC, loaded once."""

    def __init__(self, path):
        self.database = cantools.database.load_file(path, strict=True)

    def message(self, name):
        return self.database.get_message_by_name(name)

    def period_ns(self, name):
        return self.message(name).cycle_time * 1_000_000

    def choices(self, name, signal):
        """The values of a signal by their names in the DBC."""
        named = self.message(name).get_signal_by_name(signal).choices
        return {str(text): value for value, text in named.items()}

    def self_test(self):
        """Differences from the known frames; empty when the peer may be believed."""
        wrong = []
        for name, signals, expected in KNOWN:
            message = self.message(name)
            data = bytearray(message.encode(dict(signals, Crc=0), strict=True))
            e2e_p01_protect(data, message.frame_id, increment_counter=False)
            if data.hex() != expected:
                wrong.append(f"{name}: made {data.hex(' ')}, the contract says {bytes.fromhex(expected).hex(' ')}")
            elif not crc_right(message.frame_id, bytes(data)):
                wrong.append(f"{name}: its own check refuses it")
        return wrong


def crc_right(identifier, data):
    """Whether the CRC fits, whatever the counter: the library's own check mixes the two."""
    again = bytearray(data)
    e2e_p01_protect(again, identifier, increment_counter=False)
    return again[0] == data[0]


class Sender:
    """One frame on one bus, with an alive counter of its own. cantools packs only when a signal changed;
    between changes the E2E library alone counts and protects."""

    def __init__(self, contract, name, **signals):
        self.message = contract.message(name)
        self.identifier = self.message.frame_id
        self.signals = dict(signals, Crc=0, Alive=14)   # 14, so that the first frame sent counts 0
        self.data = bytearray(self.message.encode(self.signals, strict=True))

    def set(self, **signals):
        have = self.signals
        if any(have[name] != value for name, value in signals.items()):
            have.update(signals)
            alive = self.data[1] & 15
            have["Alive"] = alive
            self.data[:] = self.message.encode(have, strict=True)

    def next(self):
        """The next frame as the kernel takes it."""
        e2e_p01_protect(self.data, self.identifier)
        return CAN_FRAME.pack(self.identifier, len(self.data), bytes(self.data))


class Reader:
    """Unpacks frames of one message; equal bytes are unpacked once."""

    def __init__(self, contract, name):
        self.message = contract.message(name)
        self.identifier = self.message.frame_id
        self.seen = {}

    def read(self, data):
        """(CRC right, signals in raw units), or None for a wrong length."""
        known = self.seen.get(data)
        if known is None:
            if len(data) != self.message.length:
                return None
            signals = self.message.decode(data, decode_choices=False, scaling=False)
            known = crc_right(self.identifier, data), signals
            if len(self.seen) > 5000:
                self.seen.clear()
            self.seen[data] = known
        return known

/* The least that can answer a chamber's frame with a permit: block in read, compare, write. It believes everything, checks no
 * counter and no CRC, keeps no record and no deadline. It is the floor that a guard is measured against, on the same kind of
 * socket, at the same priority, on the same processor.
 *
 *   bare_loop PRIORITY CPU DOSE_ID PERMIT_ID       the bus is standard input; a negative number leaves something as it is
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct can_frame {
	uint32_t id;
	uint8_t length, pad[3];
	uint8_t data[8];
} __attribute__((aligned(8)));

int main(int count, char **words)
{
	if (count != 5)
		return 2;
	int priority = atoi(words[1]), cpu = atoi(words[2]);
	uint32_t dose_id = atoi(words[3]);
	/* the second byte says that this is a permit, the last three how many pulses it leases */
	struct can_frame permit = { .id = atoi(words[4]), .length = 8, .data = { 0, 1 << 4 } }, frame;
	uint32_t counted = 0, lease;
	fcntl(0, F_SETFL, fcntl(0, F_GETFL) & ~O_NONBLOCK);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	if (cpu >= 0) {
		cpu_set_t cpus;
		CPU_ZERO(&cpus);
		CPU_SET(cpu, &cpus);
		if (sched_setaffinity(0, sizeof cpus, &cpus))
			return 1;
	}
	if (priority > 0) {
		struct sched_param wish = { .sched_priority = priority };
		if (sched_setscheduler(0, SCHED_FIFO, &wish))
			return 1;
	}
	while (read(0, &frame, sizeof frame) == sizeof frame) {
		uint16_t pulses;
		uint32_t charge;
		if (frame.id != dose_id)
			continue;
		memcpy(&pulses, frame.data + 2, sizeof pulses);
		memcpy(&charge, frame.data + 4, sizeof charge);
		counted += (uint16_t)(pulses - counted);
		/* compare with a limit that is never reached, and lease the pulse that comes next */
		if (charge == UINT32_MAX)
			continue;
		lease = counted + 1;
		memcpy(permit.data + 5, &lease, 3);
		if (write(0, &permit, sizeof permit) != sizeof permit)
			return 1;
	}
	return 0;
}

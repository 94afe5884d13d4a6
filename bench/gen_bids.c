/* gen_bids LINES [SEED] > bids.jsonl: bid events as JSON lines of about 255 bytes, over 20 minutes
 * of event time whatever LINES is, up to a second out of order. 10,000 auctions, of which 100 take
 * half of the bids. The same arguments give the same bytes. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define START_MS 1767225600000LL /* 2026-01-01T00:00:00Z */
#define SPAN_MS  1199000.0

/* xorshift64* (Vigna 2016). */
static uint64_t next(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dULL;
}

static void fill(uint64_t *state, char *text, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        text[i] = (char)('a' + next(state) % 26);
    }
    text[len] = '\0';
}

static void put_bid(uint64_t *state, int64_t ms)
{
    static const char *const channels[] = {"Google",       "Facebook",   "Baidu",       "Apple",
                                           "channel-1021", "channel-77", "channel-5310"};
    uint64_t pick = next(state);
    unsigned auction =
        1000 + (unsigned)((pick & 1) != 0 ? (pick >> 8) % 100 * 97 : (pick >> 8) % 10000);
    unsigned bidder = 2000 + (unsigned)(next(state) % 100000);
    uint64_t price = 100 + next(state) % 1048576 * (1 + next(state) % 97);
    int64_t of_day = ms - START_MS;
    char extra[96];
    fill(state, extra, 40 + (unsigned)(next(state) % 41));
    printf("{\"auction\":%u,\"bidder\":%u,\"price\":%" PRIu64
           ",\"channel\":\"%s\",\"url\":\"https://www.nexmark.example/"
           "item.htm?query=%u&channel_id=%u\","
           "\"dateTime\":\"2026-01-01T%02d:%02d:%02d.%03dZ\",\"extra\":\"%s\"}\n",
           auction, bidder, price, channels[next(state) % 7], (unsigned)(next(state) % 1000),
           (unsigned)(next(state) >> 33), (int)(of_day / 3600000), (int)(of_day / 60000 % 60),
           (int)(of_day / 1000 % 60), (int)(of_day % 1000), extra);
}

int main(int argc, char **argv)
{
    static char buffer[1 << 20];
    long lines = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    uint64_t state = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1) * 2 + 1;
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (long i = 0; i < lines; i++) {
        int64_t ms = START_MS + 1000 + (int64_t)((double)i * SPAN_MS / (double)lines) -
                     (int64_t)(next(&state) % 1000);
        put_bid(&state, ms);
    }
    return ferror(stdout) != 0 ? 1 : 0;
}

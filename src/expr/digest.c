/* MD5 (RFC 1321) and SHA-1, SHA-2 (FIPS 180-4), over whole messages. The constants of SHA-256 are
 * the high halves of those of SHA-512. */
#include "expr/digest.h"

#include <string.h>

#include "base/compiler.h"

static const uint32_t md5_sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const uint64_t sha_roots[80] = {
    0x428a2f98d728ae22ULL, 0x7137449123ef65cdULL, 0xb5c0fbcfec4d3b2fULL, 0xe9b5dba58189dbbcULL,
    0x3956c25bf348b538ULL, 0x59f111f1b605d019ULL, 0x923f82a4af194f9bULL, 0xab1c5ed5da6d8118ULL,
    0xd807aa98a3030242ULL, 0x12835b0145706fbeULL, 0x243185be4ee4b28cULL, 0x550c7dc3d5ffb4e2ULL,
    0x72be5d74f27b896fULL, 0x80deb1fe3b1696b1ULL, 0x9bdc06a725c71235ULL, 0xc19bf174cf692694ULL,
    0xe49b69c19ef14ad2ULL, 0xefbe4786384f25e3ULL, 0x0fc19dc68b8cd5b5ULL, 0x240ca1cc77ac9c65ULL,
    0x2de92c6f592b0275ULL, 0x4a7484aa6ea6e483ULL, 0x5cb0a9dcbd41fbd4ULL, 0x76f988da831153b5ULL,
    0x983e5152ee66dfabULL, 0xa831c66d2db43210ULL, 0xb00327c898fb213fULL, 0xbf597fc7beef0ee4ULL,
    0xc6e00bf33da88fc2ULL, 0xd5a79147930aa725ULL, 0x06ca6351e003826fULL, 0x142929670a0e6e70ULL,
    0x27b70a8546d22ffcULL, 0x2e1b21385c26c926ULL, 0x4d2c6dfc5ac42aedULL, 0x53380d139d95b3dfULL,
    0x650a73548baf63deULL, 0x766a0abb3c77b2a8ULL, 0x81c2c92e47edaee6ULL, 0x92722c851482353bULL,
    0xa2bfe8a14cf10364ULL, 0xa81a664bbc423001ULL, 0xc24b8b70d0f89791ULL, 0xc76c51a30654be30ULL,
    0xd192e819d6ef5218ULL, 0xd69906245565a910ULL, 0xf40e35855771202aULL, 0x106aa07032bbd1b8ULL,
    0x19a4c116b8d2d0c8ULL, 0x1e376c085141ab53ULL, 0x2748774cdf8eeb99ULL, 0x34b0bcb5e19b48a8ULL,
    0x391c0cb3c5c95a63ULL, 0x4ed8aa4ae3418acbULL, 0x5b9cca4f7763e373ULL, 0x682e6ff3d6b2b8a3ULL,
    0x748f82ee5defb2fcULL, 0x78a5636f43172f60ULL, 0x84c87814a1f0ab72ULL, 0x8cc702081a6439ecULL,
    0x90befffa23631e28ULL, 0xa4506cebde82bde9ULL, 0xbef9a3f7b2c67915ULL, 0xc67178f2e372532bULL,
    0xca273eceea26619cULL, 0xd186b8c721c0c207ULL, 0xeada7dd6cde0eb1eULL, 0xf57d4f7fee6ed178ULL,
    0x06f067aa72176fbaULL, 0x0a637dc5a2c898a6ULL, 0x113f9804bef90daeULL, 0x1b710b35131c471bULL,
    0x28db77f523047d84ULL, 0x32caab7b40c72493ULL, 0x3c9ebe0a15c9bebcULL, 0x431d67c49c100d4cULL,
    0x4cc5d4becb3e42b6ULL, 0x597f299cfc657e2aULL, 0x5fcb6fab3ad6faecULL, 0x6c44198c4a475817ULL,
};
static const uint32_t start_224[8] = {
    0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4,
};
static const uint32_t start_256[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};
static const uint64_t start_384[8] = {
    0xcbbb9d5dc1059ed8ULL, 0x629a292a367cd507ULL, 0x9159015a3070dd17ULL, 0x152fecd8f70e5939ULL,
    0x67332667ffc00b31ULL, 0x8eb44a8768581511ULL, 0xdb0c2e0d64f98fa7ULL, 0x47b5481dbefa4fa4ULL,
};
static const uint64_t start_512[8] = {
    0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL, 0xa54ff53a5f1d36f1ULL,
    0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL, 0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL,
};

LT_INLINE uint32_t left32(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}
LT_INLINE uint32_t right32(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}
LT_INLINE uint64_t right64(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

static uint64_t load_big(const uint8_t *p, int bytes)
{
    uint64_t x = 0;
    for (int i = 0; i < bytes; i++) {
        x = x << 8 | p[i];
    }
    return x;
}

static void store_big(uint8_t *p, uint64_t x, int bytes)
{
    for (int i = bytes; i-- > 0;) {
        p[i] = (uint8_t)x;
        x >>= 8;
    }
}

typedef union {
    uint32_t h32[8];
    uint64_t h64[8];
} state;

static void md5_block(state *s, const uint8_t *block)
{
    static const uint8_t shifts[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t a = s->h32[0], b = s->h32[1], c = s->h32[2], d = s->h32[3];
    for (unsigned i = 0; i < 64; i++) {
        uint32_t f;
        unsigned g;
        if (i < 16) {
            f = (b & c) | (~b & d);
            g = i;
        } else if (i < 32) {
            f = (d & b) | (~d & c);
            g = (5 * i + 1) % 16;
        } else if (i < 48) {
            f = b ^ c ^ d;
            g = (3 * i + 5) % 16;
        } else {
            f = c ^ (b | ~d);
            g = (7 * i) % 16;
        }
        uint32_t word;
        memcpy(&word, block + 4 * g, 4);
        uint32_t next = b + left32(a + f + md5_sines[i] + word, shifts[i / 16][i % 4]);
        a = d;
        d = c;
        c = b;
        b = next;
    }
    s->h32[0] += a;
    s->h32[1] += b;
    s->h32[2] += c;
    s->h32[3] += d;
}

static void sha1_block(state *s, const uint8_t *block)
{
    uint32_t w[80];
    for (unsigned i = 0; i < 80; i++) {
        w[i] = i < 16 ? (uint32_t)load_big(block + 4 * i, 4)
                      : left32(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    uint32_t a = s->h32[0], b = s->h32[1], c = s->h32[2], d = s->h32[3], e = s->h32[4];
    for (unsigned i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? (b & c) | (~b & d)
                     : i < 40 ? b ^ c ^ d
                     : i < 60 ? (b & c) | (b & d) | (c & d)
                              : b ^ c ^ d;
        static const uint32_t round[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
        uint32_t next = left32(a, 5) + f + e + round[i / 20] + w[i];
        e = d;
        d = c;
        c = left32(b, 30);
        b = a;
        a = next;
    }
    s->h32[0] += a;
    s->h32[1] += b;
    s->h32[2] += c;
    s->h32[3] += d;
    s->h32[4] += e;
}

static void sha256_block(state *s, const uint8_t *block)
{
    uint32_t w[64], v[8];
    for (unsigned i = 0; i < 64; i++) {
        if (i < 16) {
            w[i] = (uint32_t)load_big(block + 4 * i, 4);
            continue;
        }
        uint32_t s0 = right32(w[i - 15], 7) ^ right32(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = right32(w[i - 2], 17) ^ right32(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    memcpy(v, s->h32, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t s1 = right32(v[4], 6) ^ right32(v[4], 11) ^ right32(v[4], 25);
        uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t t1 = v[7] + s1 + choice + (uint32_t)(sha_roots[i] >> 32) + w[i];
        uint32_t s0 = right32(v[0], 2) ^ right32(v[0], 13) ^ right32(v[0], 22);
        uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++) {
        s->h32[i] += v[i];
    }
}

static void sha512_block(state *s, const uint8_t *block)
{
    uint64_t w[80], v[8];
    for (unsigned i = 0; i < 80; i++) {
        if (i < 16) {
            w[i] = load_big(block + 8 * i, 8);
            continue;
        }
        uint64_t s0 = right64(w[i - 15], 1) ^ right64(w[i - 15], 8) ^ w[i - 15] >> 7;
        uint64_t s1 = right64(w[i - 2], 19) ^ right64(w[i - 2], 61) ^ w[i - 2] >> 6;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    memcpy(v, s->h64, sizeof v);
    for (unsigned i = 0; i < 80; i++) {
        uint64_t s1 = right64(v[4], 14) ^ right64(v[4], 18) ^ right64(v[4], 41);
        uint64_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint64_t t1 = v[7] + s1 + choice + sha_roots[i] + w[i];
        uint64_t s0 = right64(v[0], 28) ^ right64(v[0], 34) ^ right64(v[0], 39);
        uint64_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++) {
        s->h64[i] += v[i];
    }
}

typedef struct {
    void (*block)(state *s, const uint8_t *block);
    size_t block_size;
    size_t size;
} method;

static const method methods[] = {
    [LT_MD5] = {md5_block, 64, 16},        [LT_SHA1] = {sha1_block, 64, 20},
    [LT_SHA224] = {sha256_block, 64, 28},  [LT_SHA256] = {sha256_block, 64, 32},
    [LT_SHA384] = {sha512_block, 128, 48}, [LT_SHA512] = {sha512_block, 128, 64},
};

static void start(lt_digest_kind kind, state *s)
{
    static const uint32_t first[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    switch (kind) {
    case LT_MD5:
    case LT_SHA1:
        memcpy(s->h32, first, sizeof first);
        break;
    case LT_SHA224:
        memcpy(s->h32, start_224, sizeof start_224);
        break;
    case LT_SHA256:
        memcpy(s->h32, start_256, sizeof start_256);
        break;
    case LT_SHA384:
        memcpy(s->h64, start_384, sizeof start_384);
        break;
    case LT_SHA512:
        memcpy(s->h64, start_512, sizeof start_512);
        break;
    }
}

size_t lt_digest(lt_digest_kind kind, const void *ptr, size_t len, uint8_t out[LT_DIGEST_MAX])
{
    const method *m = &methods[kind];
    const uint8_t *p = (const uint8_t *)ptr;
    uint8_t tail[256];
    state s;
    size_t whole = len / m->block_size * m->block_size, rest = len - whole;
    start(kind, &s);
    for (size_t at = 0; at < whole; at += m->block_size) {
        m->block(&s, p + at);
    }
    /* One bit, zeros, the length in bits at the end of the last block. */
    size_t counter = m->block_size / 8;
    size_t padded = rest + 1 + counter <= m->block_size ? m->block_size : 2 * m->block_size;
    memset(tail, 0, sizeof tail);
    if (rest > 0) {
        memcpy(tail, p + whole, rest);
    }
    tail[rest] = 0x80;
    uint64_t bits = (uint64_t)len * 8;
    if (kind == LT_MD5) {
        memcpy(tail + padded - 8, &bits, 8);
    } else {
        store_big(tail + padded - 8, bits, 8);
    }
    for (size_t at = 0; at < padded; at += m->block_size) {
        m->block(&s, tail + at);
    }
    for (size_t i = 0; i < m->size; i += m->block_size / 16) {
        if (kind == LT_MD5) {
            memcpy(out + i, &s.h32[i / 4], 4);
        } else if (m->block_size == 64) {
            store_big(out + i, s.h32[i / 4], 4);
        } else {
            store_big(out + i, s.h64[i / 8], 8);
        }
    }
    return m->size;
}

/* Functions that Flink lacks: distances on the globe, networks, bins of time. */
#include <math.h>

#include "expr/families.h"
#include "expr/kernel.h"
#include "expr/simple.h"
#include "expr/temporal.h"

/* ---- GEO_DISTANCE(lat1, lon1, lat2, lon2) ---- */

#define EARTH_RADIUS_M 6371008.8 /* mean radius R1 of the GRS 80 ellipsoid (IUGG) */
#define RADIAN         (3.14159265358979323846 / 180.0)

/* Haversine formula: exact for small distances too (R. W. Sinnott, Sky and Telescope, 1984). */
static double haversine(double lat1, double lon1, double lat2, double lon2)
{
    double a = sin((lat2 - lat1) * RADIAN / 2), b = sin((lon2 - lon1) * RADIAN / 2);
    double h = a * a + cos(lat1 * RADIAN) * cos(lat2 * RADIAN) * b * b;
    return 2 * EARTH_RADIUS_M * asin(sqrt(h > 1 ? 1 : h));
}

static lt_status distance_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        double lat1 = lt_k_f64(k, 0, row), lat2 = lt_k_f64(k, 2, row);
        double distance = haversine(lat1, lt_k_f64(k, 1, row), lat2, lt_k_f64(k, 3, row));
        if (fabs(lat1) <= 90 && fabs(lat2) <= 90 && distance == distance) {
            LT_OUT(k, double)[row] = distance;
        } else {
            lt_k_null(k, row);
        }
    }
    return LT_OK;
}

lt_status lt_infer_geo_distance(lt_infer *in, lt_error *err)
{
    static const lt_simple simple = {"dddd", 'D', true, distance_kernel};
    return lt_in_simple(in, &simple, err);
}

/* ---- IP_IN_CIDR(ip, network) ---- */

typedef struct {
    bool v6;
    uint8_t bytes[16];
} address;

/* a.b.c.d without leading zeros; 4 bytes */
static bool parse_v4(lt_str s, uint8_t *bytes)
{
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        if (part > 0 && (at >= s.len || s.ptr[at++] != '.')) {
            return false;
        }
        size_t from = at;
        unsigned value = 0;
        while (at < s.len && at - from < 3 && s.ptr[at] >= '0' && s.ptr[at] <= '9') {
            value = value * 10 + (unsigned)(s.ptr[at++] - '0');
        }
        if (at == from || value > 255 || (s.ptr[from] == '0' && at - from > 1)) {
            return false;
        }
        bytes[part] = (uint8_t)value;
    }
    return at == s.len;
}

static bool take_group(lt_str s, size_t *at, unsigned *value)
{
    size_t from = *at;
    *value = 0;
    while (*at < s.len && *at - from < 4) {
        char c = s.ptr[*at];
        int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;
        if (digit < 0) {
            break;
        }
        *value = *value << 4 | (unsigned)digit;
        ++*at;
    }
    return *at > from;
}

/* RFC 4291: groups of hexadecimal digits, one `::`, an IPv4 address at the end. */
static bool parse_v6(lt_str s, uint8_t *bytes)
{
    uint8_t found[16] = {0};
    size_t used = 0, at = 0, gap = SIZE_MAX;
    if (s.len >= 2 && s.ptr[0] == ':' && s.ptr[1] == ':') {
        gap = 0;
        at = 2;
    }
    while (at < s.len) {
        unsigned value;
        size_t start = at;
        if (used + 2 > 16 || !take_group(s, &at, &value)) {
            return false;
        }
        if (at < s.len && s.ptr[at] == '.') {
            if (used + 4 > 16 || !parse_v4((lt_str){s.ptr + start, s.len - start}, found + used)) {
                return false;
            }
            used += 4;
            at = s.len;
            break;
        }
        found[used++] = (uint8_t)(value >> 8);
        found[used++] = (uint8_t)value;
        if (at == s.len) {
            break;
        }
        if (s.ptr[at++] != ':' || at == s.len) {
            return false;
        }
        if (s.ptr[at] == ':') {
            if (gap != SIZE_MAX) {
                return false;
            }
            gap = used;
            at++;
        }
    }
    if (gap == SIZE_MAX ? used != 16 : used > 14) {
        return false;
    }
    memset(bytes, 0, 16);
    size_t head = gap == SIZE_MAX ? used : gap;
    memcpy(bytes, found, head);
    memcpy(bytes + 16 - (used - head), found + head, used - head);
    return true;
}

/* IPv4 addresses written as IPv6 (::ffff:a.b.c.d) are IPv4 addresses. */
static bool parse_address(lt_str s, address *out)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    out->v6 = false;
    if (parse_v4(s, out->bytes)) {
        return true;
    }
    if (!parse_v6(s, out->bytes)) {
        return false;
    }
    out->v6 = memcmp(out->bytes, mapped, sizeof mapped) != 0;
    if (!out->v6) {
        memmove(out->bytes, out->bytes + 12, 4);
    }
    return true;
}

/* address[/bits]; without bits the network is one address. */
static bool parse_network(lt_str s, address *out, int64_t *bits)
{
    size_t slash = 0;
    while (slash < s.len && s.ptr[slash] != '/') {
        slash++;
    }
    if (!parse_address((lt_str){s.ptr, slash}, out)) {
        return false;
    }
    int64_t most = out->v6 ? 128 : 32;
    *bits = most;
    return slash == s.len || (lt_str_to_i64((lt_str){s.ptr + slash + 1, s.len - slash - 1}, bits) &&
                              *bits >= 0 && *bits <= most);
}

static bool within(const address *ip, const address *network, int64_t bits)
{
    if (ip->v6 != network->v6) {
        return false;
    }
    size_t whole = (size_t)bits / 8;
    unsigned rest = (unsigned)(bits % 8);
    unsigned mask = 0xff00u >> rest & 0xffu;
    return memcmp(ip->bytes, network->bytes, whole) == 0 &&
           (rest == 0 || ((ip->bytes[whole] ^ network->bytes[whole]) & mask) == 0);
}

static lt_status cidr_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    address ip, network = {0};
    int64_t bits = 0;
    bool fixed = k->args[1].mask == 0, good = false, known = false;
    LT_EACH(k, row)
    {
        if (!known || !fixed) {
            good = parse_network(lt_k_str(k, 1, row), &network, &bits);
            known = true;
        }
        if (good && parse_address(lt_k_str(k, 0, row), &ip)) {
            LT_OUT(k, uint8_t)[row] = within(&ip, &network, bits);
        } else {
            lt_k_null(k, row);
        }
    }
    return LT_OK;
}

lt_status lt_infer_ip_in_cidr(lt_infer *in, lt_error *err)
{
    static const lt_simple simple = {"ss", 'B', true, cidr_kernel};
    const lt_value *network = lt_in_literal(in, 1);
    address parsed;
    int64_t bits;
    if (network != NULL && lt_type_is_string(network->type) &&
        !parse_network(network->u.s, &parsed, &bits)) {
        return lt_error_set_at(err, LT_ERR_SQL, in->args[1]->pos,
                               "'%.*s' is no network such as 10.0.0.0/8 or 2001:db8::/32",
                               (int)LT_MIN(network->u.s.len, (size_t)60), network->u.s.ptr);
    }
    return lt_in_simple(in, &simple, err);
}

/* ---- DATE_BIN(interval, t[, origin]) ---- */

static lt_status bin_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    int form = lt_ts_form(k->call->u.call.args[1]->type);
    LT_EACH(k, row)
    {
        int64_t stride = lt_k_i64(k, 0, row), origin = 0;
        if (k->arg_count > 2) {
            int from = lt_ts_form(k->call->u.call.args[2]->type);
            origin = lt_ts_load_ms(k->args[2].col->data, from, row & k->args[2].mask);
        }
        if (stride <= 0) {
            lt_k_fail(k, row, "bad-interval", "DATE_BIN takes a positive interval");
            continue;
        }
        int64_t ms = lt_ts_load_ms(k->args[1].col->data, form, row & k->args[1].mask);
        lt_ts9 bin = {.ms = ms - lt_floor_mod(ms - origin, stride)};
        lt_ts_store(k->out->data, form, row, bin);
    }
    return LT_OK;
}

lt_status lt_infer_date_bin(lt_infer *in, lt_error *err)
{
    const lt_type *type = in->args[1]->type;
    bool right = lt_kind_is(in->args[0], LT_TYPE_INTERVAL_SECOND) && lt_type_is_timestamp(type) &&
                 (in->count < 3 || in->args[2]->type->kind == type->kind);
    if (!right) {
        return lt_in_refuse(in, err);
    }
    const lt_value *stride = lt_in_literal(in, 0);
    if (stride != NULL && stride->u.i <= 0) {
        return lt_error_set_at(err, LT_ERR_SQL, in->args[0]->pos,
                               "DATE_BIN takes a positive interval");
    }
    const lt_type *plain = lt_type_with_attr(in->b->arena, type, LT_TIME_NONE);
    in->type =
        plain == NULL ? NULL : lt_type_with_nullable(in->b->arena, plain, lt_in_nullable(in));
    in->kernel = bin_kernel;
    return LT_OK;
}

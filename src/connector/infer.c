/* Schema inference: takes a sample, decides between JSON lines and CSV by name or by the first
 * byte, and types what was seen. The rules are in docs/sql/inference.md; the text forms accepted as
 * times are exactly those that lenient decoders read. */
#include <string.h>

#include "connector/filesystem/files.h"
#include "connector/infer_int.h"
#include "connector/unpack.h"
#include "format/datetime.h"

#define MORE_WAIT_NS                                                            \
    20000000 /* for a writer that is just starting: the rest of its first burst \
              */

/* ---- kinds ---- */

unsigned lt_seen_text(lt_str text)
{
    static const lt_time_form local = {.space = true, .t = true};
    static const lt_time_form zoned = {.space = true, .t = true, .zone_any = true};
    lt_instant at;
    int32_t days;
    if (text.len < 10 || text.len > 40 || text.ptr[0] < '0' || text.ptr[0] > '9') {
        return LT_SEEN_TEXT;
    }
    if (text.len == 10) {
        return lt_parse_date(text, false, &days) ? LT_SEEN_DATE : LT_SEEN_TEXT;
    }
    if (lt_parse_timestamp(text, &local, &at)) {
        return LT_SEEN_TIME;
    }
    return lt_parse_timestamp(text, &zoned, &at) ? LT_SEEN_ZONED : LT_SEEN_TEXT;
}

/* Seconds, milliseconds or microseconds since 1970 that lie between 2000 and 2100. */
static bool may_be_epoch(int64_t value)
{
    const int64_t year_2000 = INT64_C(946684800);
    const int64_t year_2100 = INT64_C(4102444800);
    for (int64_t unit = 1; unit <= 1000000; unit *= 1000) {
        if (value >= year_2000 * unit && value < year_2100 * unit) {
            return true;
        }
    }
    return false;
}

/* Is it the name of a time: `ts`, `time`, `timestamp`, `created_at`, `eventTime`, `login_ts` .. */
static bool names_a_time(lt_str name)
{
    static const char *const whole[] = {"ts",       "t",    "time", "timestamp",
                                        "datetime", "date", "epoch"};
    static const char *const ends[] = {"_ts", "_at", "_time", "_timestamp", "_date",     "_epoch",
                                       "_ms", "Ts",  "At",    "Time",       "Timestamp", "Date"};
    for (size_t i = 0; i < LT_COUNT_OF(whole); i++) {
        if (lt_str_eq_ci(name, lt_str_of(whole[i]))) {
            return true;
        }
    }
    for (size_t i = 0; i < LT_COUNT_OF(ends); i++) {
        lt_str end = lt_str_of(ends[i]);
        if (name.len > end.len &&
            lt_str_eq((lt_str){name.ptr + name.len - end.len, end.len}, end)) {
            return true;
        }
    }
    return false;
}

unsigned lt_seen_number(lt_str text)
{
    size_t at = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;
    size_t start = at;
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9') {
        at++;
    }
    size_t digits = at - start;
    if (digits == 0 || (digits > 1 && text.ptr[start] == '0')) {
        return LT_SEEN_TEXT; /* 007 is a name */
    }
    if (at == text.len) {
        int64_t value;
        if (lt_str_to_i64(text, &value)) {
            return may_be_epoch(value) ? LT_SEEN_EPOCH : LT_SEEN_INT;
        }
        return digits <= 38 ? LT_SEEN_BIG : LT_SEEN_TEXT;
    }
    char ch = text.ptr[at];
    char last = text.ptr[text.len - 1];
    double real;
    bool plain = (ch == '.' || ch == 'e' || ch == 'E') && last >= '0' && last <= '9';
    return plain && lt_str_to_f64(text, &real) ? LT_SEEN_REAL : LT_SEEN_TEXT;
}

lt_seen_field *lt_seen_member(lt_seen *seen, lt_str name, lt_arena *arena, bool *failed)
{
    for (lt_seen_field *field = seen->fields; field != NULL; field = field->next) {
        if (lt_str_eq(field->name, name)) {
            return field;
        }
    }
    if (seen->field_count >= LT_INFER_FIELDS) {
        return NULL;
    }
    lt_seen_field *field = LT_NEW(arena, lt_seen_field);
    lt_str copy = lt_arena_str(arena, name);
    if (field == NULL || copy.ptr == NULL) {
        *failed = true;
        return NULL;
    }
    field->name = copy;
    if (seen->fields_last != NULL) {
        seen->fields_last->next = field;
    } else {
        seen->fields = field;
    }
    seen->fields_last = field;
    seen->field_count++;
    return field;
}

static const lt_type *row_type(const lt_seen *seen, lt_arena *arena)
{
    lt_field *fields = LT_NEW_ARRAY(arena, lt_field, seen->field_count);
    uint32_t count = 0;
    for (const lt_seen_field *field = seen->fields; fields != NULL && field != NULL;
         field = field->next) {
        fields[count].name = field->name;
        fields[count].type = lt_seen_type(&field->value, field->name, arena);
        if (fields[count].type == NULL) {
            return NULL;
        }
        count++;
    }
    return fields != NULL ? lt_type_row(arena, fields, count, true) : NULL;
}

static const lt_type *array_type(const lt_seen *seen, lt_arena *arena)
{
    static const lt_seen nothing = {0};
    const lt_type *element =
        lt_seen_type(seen->element != NULL ? seen->element : &nothing, (lt_str){"", 0}, arena);
    return element != NULL ? lt_type_array(arena, element, true) : NULL;
}

/* One kind, or kinds that one type holds; whatever else is STRING. */
const lt_type *lt_seen_type(const lt_seen *seen, lt_str name, lt_arena *arena)
{
    const unsigned whole = LT_SEEN_INT | LT_SEEN_BIG;
    unsigned kinds = seen->kinds;
    if (kinds == LT_SEEN_EPOCH && names_a_time(name)) {
        return lt_type_time(arena, LT_TYPE_TIMESTAMP_LTZ, 3, true);
    }
    if ((kinds & LT_SEEN_EPOCH) != 0) {
        kinds = (kinds & ~(unsigned)LT_SEEN_EPOCH) | LT_SEEN_INT;
    }
    switch (kinds) {
    case LT_SEEN_BOOL:
        return lt_type_new(arena, LT_TYPE_BOOLEAN, true);
    case LT_SEEN_INT:
        return lt_type_new(arena, LT_TYPE_BIGINT, true);
    case LT_SEEN_BIG:
    case LT_SEEN_INT | LT_SEEN_BIG:
        return lt_type_decimal(arena, 38, 0, true);
    case LT_SEEN_DATE:
        return lt_type_new(arena, LT_TYPE_DATE, true);
    case LT_SEEN_TIME:
        return lt_type_time(arena, LT_TYPE_TIMESTAMP, 3, true);
    case LT_SEEN_ZONED:
        return lt_type_time(arena, LT_TYPE_TIMESTAMP_LTZ, 3, true);
    case LT_SEEN_OBJECT:
        if (seen->field_count > 0) {
            return row_type(seen, arena);
        }
        break;
    case LT_SEEN_ARRAY:
        return array_type(seen, arena);
    default:
        if ((kinds & LT_SEEN_REAL) != 0 && (kinds & ~(whole | LT_SEEN_REAL)) == 0) {
            return lt_type_new(arena, LT_TYPE_DOUBLE, true);
        }
        break;
    }
    return lt_type_sized(arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, true);
}

/* ---- the sample ---- */

typedef struct {
    lt_text text;
    bool whole;
    lt_str name; /* without a compression suffix; decides the format */
} sample;

/* Standard input: as much as comes at once, at least a line. Everything read is given back. */
static lt_status sample_stdin(lt_env *env, sample *s, lt_error *err)
{
    lt_file *file = NULL;
    LT_TRY(env->file_std(env, LT_STDIN, &file, err));
    lt_status st = LT_OK;
    bool waited = false;
    while (st == LT_OK && !s->whole && s->text.len < LT_INFER_SAMPLE) {
        size_t got = 0;
        if (!lt_text_reserve(&s->text, 65536)) {
            st = lt_error_nomem(err, "a sample");
            break;
        }
        st = env->read(file, s->text.ptr + s->text.len, 65536, &got, err);
        s->text.len += got;
        s->whole = st == LT_OK && got == 0;
        waited = waited && got == 0;
        if (st == LT_AGAIN) {
            bool has_line = s->text.len > 0 && memchr(s->text.ptr, '\n', s->text.len) != NULL;
            if (has_line && waited) {
                st = LT_OK;
                break;
            }
            env->wait(env, has_line ? env->mono_ns(env) + MORE_WAIT_NS : INT64_MAX, &file, 1);
            waited = has_line;
            st = LT_OK;
        }
    }
    if (s->text.len > 0 && st == LT_OK) {
        st = env->unread(file, s->text.ptr, s->text.len, err);
    }
    env->close(file);
    return st;
}

static lt_status read_sample(lt_env *env, lt_file *file, lt_unpack *unpack, sample *s,
                             lt_error *err)
{
    while (s->text.len < LT_INFER_SAMPLE) {
        size_t got = 0;
        if (!lt_text_reserve(&s->text, 65536)) {
            return lt_error_nomem(err, "a sample");
        }
        char *to = s->text.ptr + s->text.len;
        lt_status st = unpack != NULL ? lt_unpack_read(unpack, env, file, to, 65536, &got, err)
                                      : env->read(file, to, 65536, &got, err);
        if (st == LT_AGAIN) {
            env->wait(env, INT64_MAX, &file, 1);
            continue;
        }
        LT_TRY(st);
        if (got == 0) {
            s->whole = true;
            return LT_OK;
        }
        s->text.len += got;
    }
    return LT_OK;
}

static lt_status sample_path(lt_env *env, lt_mem *mem, const char *path, sample *s, lt_error *err)
{
    lt_pack pack = lt_pack_of(lt_str_of(path));
    if (pack == LT_PACK_UNKNOWN) {
        return lt_error_set(err, LT_ERR_UNSUPPORTED, "%s: only gzip and zstd files are unpacked",
                            path);
    }
    lt_file *file = NULL;
    lt_unpack *unpack = NULL;
    LT_TRY(env->open(env, path, LT_OPEN_READ, &file, err));
    lt_status st = pack != LT_PACK_NONE ? lt_unpack_new(mem, pack, &unpack, err) : LT_OK;
    if (st == LT_OK) {
        st = read_sample(env, file, unpack, s, err);
    }
    lt_unpack_free(unpack);
    env->close(file);
    return st;
}

/* The first file with something in it that the path means. */
static lt_status sample_files(lt_env *env, lt_mem *mem, lt_file_list *list, const char *path,
                              sample *s, lt_error *err)
{
    LT_TRY(lt_file_list_scan(list, env, path, NULL, err));
    for (size_t i = 0; i < list->found.count; i++) {
        const lt_found *found = &list->found.items[i];
        if (found->stat.kind != LT_FILE_REGULAR) {
            return lt_error_set(err, LT_ERR_UNSUPPORTED,
                                "%s is no regular file: looking at it would use its data up; "
                                "declare the table, or read standard input",
                                path);
        }
        LT_TRY(sample_path(env, mem, found->path, s, err));
        s->name = lt_pack_strip(lt_str_of(found->path));
        if (s->text.len > 0) {
            return LT_OK;
        }
    }
    return lt_error_set(err, LT_ERR_DATA, "%s holds no data, so its columns are not known", path);
}

static bool has_suffix(lt_str name, const char *suffix)
{
    lt_str tail = lt_str_of(suffix);
    return name.len >= tail.len &&
           lt_str_eq_ci((lt_str){name.ptr + name.len - tail.len, tail.len}, tail);
}

static bool is_json(const sample *s, lt_str body)
{
    if (has_suffix(s->name, ".json") || has_suffix(s->name, ".jsonl") ||
        has_suffix(s->name, ".ndjson")) {
        return true;
    }
    if (has_suffix(s->name, ".csv") || has_suffix(s->name, ".tsv")) {
        return false;
    }
    lt_str trimmed = lt_str_trim(body);
    return trimmed.len > 0 && trimmed.ptr[0] == '{';
}

static lt_status infer_sample(const sample *s, lt_arena *arena, lt_inferred *out, lt_error *err)
{
    if (s->text.failed) {
        return lt_error_nomem(err, "a sample");
    }
    lt_str body = lt_text_str(&s->text);
    if (lt_str_starts(body, LT_STR("\xef\xbb\xbf"))) {
        body = (lt_str){body.ptr + 3, body.len - 3};
    }
    if (lt_str_trim(body).len == 0) {
        return lt_error_set(err, LT_ERR_DATA,
                            LT_STR_FMT " holds no data, so its columns are not known",
                            LT_STR_ARG(s->name));
    }
    if (is_json(s, body)) {
        return lt_infer_json(body, s->whole, arena, out, err);
    }
    return lt_infer_csv(body, s->whole, has_suffix(s->name, ".tsv") ? '\t' : '\0', arena, out, err);
}

lt_status lt_infer_file(lt_env *env, lt_mem *mem, const char *path, lt_arena *arena,
                        lt_inferred *out, lt_error *err)
{
    *out = (lt_inferred){.format = NULL};
    sample s = {.name = LT_STR("standard input")};
    lt_text_init(&s.text, mem);
    lt_file_list list;
    lt_status st = lt_file_list_init(&list, mem, err);
    if (st == LT_OK && strcmp(path, "-") == 0) {
        st = sample_stdin(env, &s, err);
    } else if (st == LT_OK) {
        const char *local;
        st = lt_local_path(arena, lt_str_of(path), &local, err);
        if (st == LT_OK) {
            st = sample_files(env, mem, &list, local, &s, err);
        }
    }
    if (st == LT_OK) {
        st = infer_sample(&s, arena, out, err);
    }
    lt_file_list_deinit(&list);
    lt_text_deinit(&s.text);
    return st;
}

/* The reject sink of one node: counts what was refused by stage, applies the table's error policy,
 * and under 'reject' keeps the row as one JSON line:
 *   {"job":..,"table":..,"operator":..,"stage":..,"code":..,"detail":..,"where":..,
 *    "position":N,"event_time":N|null,"kind":"+I","raw":".."}
 * Raw bytes that are not UTF-8 go out as "raw_hex" instead, so that nothing of them is lost. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "expr/utf8.h"
#include "format/text.h"
#include "format/utf8.h"
#include "run/job_int.h"

#define RAW_MAX ((size_t)1 << 20) /* longer records keep their beginning, and their length */

/* Records end where their buffer may end: no bytes may be read behind them, hence the portable way.
 */
static bool is_utf8(lt_str raw)
{
    return lt_utf8_valid(raw.ptr, raw.len, LT_CPU_PORTABLE);
}

static void append_raw(lt_text *line, lt_str raw)
{
    size_t len = LT_MIN(raw.len, RAW_MAX);
    while (len < raw.len && len > 0 && ((unsigned char)raw.ptr[len] & 0xc0) == 0x80) {
        len--; /* not in the middle of a character */
    }
    if (is_utf8((lt_str){raw.ptr, len})) {
        lt_text_puts(line, ",\"raw\":");
        lt_text_json(line, (lt_str){raw.ptr, len});
    } else {
        static const char hex[] = "0123456789abcdef";
        lt_text_puts(line, ",\"raw_hex\":\"");
        for (size_t i = 0; i < len; i++) {
            unsigned char byte = (unsigned char)raw.ptr[i];
            lt_text_putc(line, hex[byte >> 4]);
            lt_text_putc(line, hex[byte & 15]);
        }
        lt_text_putc(line, '"');
    }
    if (raw.len > len) {
        lt_text_printf(line, ",\"raw_bytes\":%zu", raw.len);
    }
}

static void append_field(lt_text *line, const char *name, lt_str value)
{
    lt_text_printf(line, ",\"%s\":", name);
    lt_text_json(line, value);
}

/* Made, with its folder, by the first reject: most jobs have none. */
static lt_status open_file(lt_job *job, lt_error *err)
{
    const char *path = job->options.rejects_path;
    const char *slash = strrchr(path, '/');
    if (slash != NULL && slash != path) {
        char *dir = lt_arena_strndup(job->arena, path, (size_t)(slash - path));
        if (dir == NULL) {
            return lt_error_nomem(err, "a reject");
        }
        LT_TRY(job->env->mkdirs(job->env, dir, err));
    }
    return job->env->open(job->env, path, LT_OPEN_APPEND, &job->rejects_file, err);
}

static void append_masked(lt_job *job, const char *name, lt_str value)
{
    lt_text shown;
    lt_text_init(&shown, &job->mem);
    lt_masks_append(&job->masks, value, &shown);
    append_field(&job->reject_line, name, lt_text_str(&shown));
    job->reject_line.failed = job->reject_line.failed || shown.failed;
    lt_text_deinit(&shown);
}

/* Operators know no tables: their rows are those of the source that feeds them. */
static lt_str table_of(const lt_node_rejects *self, const lt_reject *reject)
{
    return self->node->plan->kind == LT_PLAN_OPERATOR ? self->table : reject->table;
}

static lt_status keep(lt_node_rejects *self, const lt_reject *reject, lt_error *err)
{
    lt_job *job = self->job;
    if (job->options.rejects_path == NULL) {
        return LT_OK;
    }
    if (job->rejects_file == NULL) {
        LT_TRY(open_file(job, err));
    }
    lt_text *line = &job->reject_line;
    lt_text_clear(line);
    lt_text_puts(line, "{\"job\":");
    lt_text_json(line, lt_str_of(job->name));
    append_field(line, "table", table_of(self, reject));
    append_field(line, "operator", self->node->plan->label);
    append_field(line, "stage", lt_str_of(lt_stage_name(reject->stage)));
    append_field(line, "code", lt_str_of(reject->code));
    append_masked(job, "detail", reject->detail);
    append_masked(job, "where", reject->where);
    lt_text_printf(line, ",\"position\":%lld", (long long)reject->position);
    if (reject->event_ms == LT_WATERMARK_MIN) {
        lt_text_puts(line, ",\"event_time\":null");
    } else {
        lt_text_printf(line, ",\"event_time\":%lld", (long long)reject->event_ms);
    }
    append_field(line, "kind", lt_str_of(lt_kind_text(reject->kind)));
    if (reject->batch != NULL) {
        lt_text row;
        lt_text_init(&row, &job->mem);
        lt_text_row(&row, reject->batch, reject->row);
        append_raw(line, lt_text_str(&row));
        lt_text_deinit(&row);
    } else {
        append_raw(line, reject->raw);
    }
    lt_text_puts(line, "}\n");
    if (line->failed) {
        return lt_error_nomem(err, "a reject");
    }
    return job->env->write(job->rejects_file, line->ptr, line->len, err);
}

/* Data within a message for people: no control characters, whole characters only, \xNN for the
 * rest. Ends with .. when it had to be cut. */
static void put_clean(char *to, size_t size, lt_str from)
{
    const char *p = from.ptr, *end = from.ptr + from.len;
    size_t used = 0;
    while (p < end) {
        const char *before = p;
        uint32_t code = lt_utf8_next(&p, end);
        bool bad =
            (code == 0xfffd && p - before != 3) || code < 0x20 || (code >= 0x7f && code < 0xa0);
        size_t need = (size_t)(p - before) * (bad ? 4 : 1);
        if (used + need + 3 > size) {
            memcpy(to + used, "..", 2);
            used += 2;
            break;
        }
        for (; bad && before < p; before++) {
            used += (size_t)snprintf(to + used, 5, "\\x%02x", (unsigned)(unsigned char)*before);
        }
        memcpy(to + used, before, (size_t)(p - before));
        used += (size_t)(p - before);
    }
    to[used] = '\0';
}

static lt_status refuse(lt_node_rejects *self, const lt_reject *reject, lt_error *err)
{
    char at[64] = "";
    if (reject->position >= 0) {
        snprintf(at, sizeof at, " at byte %lld", (long long)reject->position);
    }
    lt_str table = table_of(self, reject);
    lt_str where = reject->where.len > 0 ? reject->where : table;
    char detail[200];
    char raw[128];
    put_clean(detail, sizeof detail, reject->detail);
    put_clean(raw, sizeof raw, reject->raw);
    lt_error_set(err, LT_ERR_DATA, LT_STR_FMT "%s: %s (%s)%s%s", LT_STR_ARG(where), at, detail,
                 reject->code, raw[0] != '\0' ? ": " : "", raw);
    if (table.len > 0) {
        lt_error_hint(err,
                      "'error.policy' = 'reject' on table '" LT_STR_FMT
                      "' keeps such rows aside, 'skip' only counts them",
                      LT_STR_ARG(table));
    }
    return LT_ERR_DATA;
}

static void count_in_ledger(lt_node *node)
{
    if (node->plan->kind == LT_PLAN_SOURCE) {
        node->ledger.in++;
        node->ledger.rejected++;
    } else if (node->plan->kind == LT_PLAN_SINK) {
        LT_ASSERT(node->ledger.used > 0); /* it was counted when its batch came */
        node->ledger.used--;
        node->ledger.rejected++;
        node->rows_out--;
    }
}

static lt_status rejects_put(lt_reject_sink *sink, const lt_reject *reject, lt_error *err)
{
    lt_node_rejects *self = (lt_node_rejects *)sink;
    lt_job *job = self->job;
    if (self->policy == LT_POLICY_FAIL && reject->stage != LT_STAGE_LATE) {
        return refuse(self, reject, err);
    }
    count_in_ledger(self->node);
    atomic_fetch_add(&job->rejected, 1);
    atomic_fetch_add(&job->rejects_by_stage[reject->stage], 1);
    char detail[sizeof job->last_reject - 64];
    put_clean(detail, sizeof detail, reject->detail);
    lt_mutex_lock(job->lock);
    snprintf(job->last_reject, sizeof job->last_reject, "%s: %s", reject->code, detail);
    lt_masks_apply(&job->masks, job->last_reject, sizeof job->last_reject);
    lt_status st = self->policy == LT_POLICY_REJECT ? keep(self, reject, err) : LT_OK;
    lt_mutex_unlock(job->lock);
    return st;
}

/* An operator's rows are judged by the policy of the source that feeds it: the first one upstream.
 */
static const lt_plan_node *policy_table(const lt_plan *plan, const lt_plan_node *node)
{
    while (node->kind == LT_PLAN_OPERATOR && node->input_count > 0) {
        node = plan->nodes[node->inputs[0]];
    }
    return node->kind == LT_PLAN_VALUES ? NULL : node;
}

void lt_rejects_init(lt_node *node)
{
    lt_node_rejects *self = &node->rejects;
    self->sink.put = rejects_put;
    self->job = node->job;
    self->node = node;
    self->policy = LT_POLICY_FAIL;
    const lt_plan_node *owner = policy_table(node->job->plan, node->plan);
    if (owner == NULL || owner->u.table.table == NULL) {
        return;
    }
    const lt_table_def *table = owner->u.table.table;
    self->table = table->name;
    const lt_options *options = &owner->u.table.options;
    lt_str policy =
        lt_options_has(options, "error.policy")
            ? lt_options_get(options, NULL, lt_table_options, lt_table_option_count, "error.policy")
            : (lt_str){NULL, 0};
    if (policy.len == 0) {
        bool ignore = false;
        for (uint32_t i = 0; i < options->count; i++) {
            lt_str key = options->items[i].key;
            lt_str tail = LT_STR(".ignore-parse-errors");
            if (key.len > tail.len &&
                memcmp(key.ptr + key.len - tail.len, tail.ptr, tail.len) == 0) {
                ignore = lt_str_eq_ci(options->items[i].value, LT_STR("true"));
            }
        }
        self->policy = table->inferred                 ? LT_POLICY_REJECT
                       : ignore && node->plan == owner ? LT_POLICY_SKIP
                                                       : LT_POLICY_FAIL;
    } else if (lt_str_eq_ci(policy, LT_STR("skip"))) {
        self->policy = LT_POLICY_SKIP;
    } else if (lt_str_eq_ci(policy, LT_STR("reject"))) {
        self->policy = LT_POLICY_REJECT;
    }
}

void lt_rejects_close(lt_job *job)
{
    if (job->rejects_file != NULL) {
        job->env->close(job->rejects_file);
        job->rejects_file = NULL;
    }
    lt_text_deinit(&job->reject_line);
}

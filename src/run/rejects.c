/* The reject sink of one node: counts what was refused by stage, applies the table's error policy,
 * and under 'reject' keeps the row as one JSON line:
 *   {"job":..,"table":..,"operator":..,"stage":..,"code":..,"detail":..,"where":..,
 *    "position":N,"event_time":N|null,"kind":"+I","raw":".."}
 * Raw bytes that are not UTF-8 go out as "raw_hex" instead, so that nothing of them is lost. */
#include <stdio.h>
#include <string.h>

#include "format/text.h"
#include "run/job_int.h"

#define RAW_MAX ((size_t)1 << 20) /* longer records keep their beginning, and their length */

static void append_raw(lt_text *line, lt_str raw)
{
    size_t len = LT_MIN(raw.len, RAW_MAX);
    bool plain = true;
    for (size_t i = 0; i < len && plain; i++) {
        plain = (unsigned char)raw.ptr[i] < 0x80;
    }
    if (plain) {
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
    append_field(line, "table", reject->table);
    append_field(line, "operator", self->node->plan->label);
    append_field(line, "stage", lt_str_of(lt_stage_name(reject->stage)));
    append_field(line, "code", lt_str_of(reject->code));
    append_field(line, "detail", reject->detail);
    append_field(line, "where", reject->where);
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

static lt_status refuse(lt_node_rejects *self, const lt_reject *reject, lt_error *err)
{
    char at[64] = "";
    if (reject->position >= 0) {
        snprintf(at, sizeof at, " at byte %lld", (long long)reject->position);
    }
    lt_str where = reject->where.len > 0 ? reject->where : reject->table;
    size_t shown = LT_MIN(reject->raw.len, (size_t)120);
    lt_error_set(err, LT_ERR_DATA, "" LT_STR_FMT "%s: " LT_STR_FMT " (%s)%s%.*s", LT_STR_ARG(where),
                 at, LT_STR_ARG(reject->detail), reject->code, shown > 0 ? ": " : "", (int)shown,
                 shown > 0 ? reject->raw.ptr : "");
    lt_error_hint(err,
                  "'error.policy' = 'reject' on table '" LT_STR_FMT
                  "' keeps such rows aside, 'skip' only counts them",
                  LT_STR_ARG(reject->table));
    (void)self;
    return LT_ERR_DATA;
}

static lt_status rejects_put(lt_reject_sink *sink, const lt_reject *reject, lt_error *err)
{
    lt_node_rejects *self = (lt_node_rejects *)sink;
    lt_job *job = self->job;
    if (self->policy == LT_POLICY_FAIL && reject->stage != LT_STAGE_LATE) {
        return refuse(self, reject, err);
    }
    job->rejected++;
    job->rejects_by_stage[reject->stage]++;
    if (self->node->plan->kind == LT_PLAN_SOURCE) {
        self->node->ledger.in++;
        self->node->ledger.rejected++;
    }
    snprintf(job->last_reject, sizeof job->last_reject, "%s: " LT_STR_FMT, reject->code,
             LT_STR_ARG(reject->detail));
    return self->policy == LT_POLICY_REJECT ? keep(self, reject, err) : LT_OK;
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

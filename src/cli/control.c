/* The control socket's protocol, see control.h; no sockets here. */
#include "cli/control.h"

#include "cli/flat.h"

static void refuse(lt_text *to, int code, const char *text)
{
    lt_text_printf(to, "{\"ok\":false,\"code\":%d,\"error\":", code);
    lt_text_json(to, lt_str_of(text));
    lt_text_puts(to, "}\n");
}

static void refuse_status(lt_text *to, leat_status status, const lt_cli_job *job)
{
    refuse(to, lt_cli_exit_of((int)status), leat_error(job->db));
}

static void put_text(lt_text *to, const char *key, const char *value)
{
    lt_text_printf(to, ",\"%s\":", key);
    lt_text_json(to, lt_str_of(value));
}

static void answer_ps(lt_cli *cli, const lt_cli_job *job, lt_text *to)
{
    leat_stats stats;
    leat_get_stats(job->job, &stats);
    int64_t now_ns = cli->env->mono_ns(cli->env);
    lt_text_puts(to, "{\"ok\":true");
    put_text(to, "state", lt_cli_job_state(job));
    put_text(to, "name", stats.name);
    lt_text_printf(to, ",\"pid\":%lld,\"elapsed_ms\":%lld",
                   (long long)cli->env->process_id(cli->env),
                   (long long)((now_ns - job->start_ns) / 1000000));
    lt_text_printf(to, ",\"rows_in\":%llu,\"rows_out\":%llu,\"rows_per_s\":%lld",
                   (unsigned long long)stats.rows_in, (unsigned long long)stats.rows_out,
                   (long long)lt_cli_job_rate(job));
    lt_text_printf(to, ",\"checkpoints\":%llu,\"checkpoint_age_ms\":%lld",
                   (unsigned long long)stats.checkpoints.completed,
                   (long long)lt_checkpoint_age_ms(cli, &stats));
    lt_text_puts(to, "}\n");
}

static void answer_status(lt_cli *cli, const lt_cli_job *job, lt_str line, lt_text *to)
{
    lt_str as = {NULL, 0};
    if (lt_flat_raw(line, "as", &as) && lt_str_eq(as, LT_STR("\"json\""))) {
        lt_text_puts(to, "{\"ok\":true,\"status\":");
        lt_status_json(to, cli, job);
        lt_text_puts(to, "}\n");
        return;
    }
    lt_text text;
    lt_text_init(&text, cli->mem);
    lt_status_text(&text, cli, job);
    lt_text_puts(to, "{\"ok\":true,\"text\":");
    lt_text_json(to, lt_text_str(&text));
    lt_text_puts(to, "}\n");
    lt_text_deinit(&text);
}

/* Asks the engine; LEAT_FULL means again later. */
static leat_status begin(lt_cli_job *job, lt_pending *pending)
{
    leat_stats stats;
    leat_get_stats(job->job, &stats);
    const char *path = pending->path[0] != '\0' ? pending->path : NULL;
    pending->completed = stats.checkpoints.completed;
    pending->failed = stats.checkpoints.failed;
    lt_str before = lt_str_of(stats.checkpoints.savepoint);
    before.len = LT_MIN(before.len, sizeof pending->before - 1);
    memcpy(pending->before, before.ptr != NULL ? before.ptr : "", before.len);
    pending->before[before.len] = '\0';
    leat_status status = leat_control(
        job->job, pending->verb == LT_VERB_SAVEPOINT ? LEAT_SAVEPOINT : LEAT_CHECKPOINT, path);
    pending->begun = status == LEAT_OK;
    return status;
}

static void begin_stop(lt_cli_job *job, lt_str line, lt_pending *pending, lt_text *answer)
{
    bool drain = lt_flat_is_true(line, "drain");
    const char *path = pending->path[0] != '\0' ? pending->path : NULL;
    if (drain && path != NULL) {
        refuse(answer, LT_EXIT_USAGE,
               "a drained job has nothing left to resume: no savepoint can be made of it");
        pending->verb = LT_VERB_NONE;
        return;
    }
    leat_status status = leat_control(job->job, drain ? LEAT_DRAIN : LEAT_STOP, path);
    pending->begun = status == LEAT_OK;
    if (status != LEAT_OK) {
        refuse_status(answer, status, job);
        pending->verb = LT_VERB_NONE;
    }
}

static bool read_path(lt_cli *cli, lt_str line, lt_pending *pending, lt_text *answer)
{
    lt_text path;
    lt_text_init(&path, cli->mem);
    bool fits = true;
    if (lt_flat_text(line, "path", &path)) {
        fits = path.len > 0 && path.len < sizeof pending->path && path.ptr[0] == '/';
        if (fits) {
            memcpy(pending->path, path.ptr, path.len + 1);
        }
    }
    lt_text_deinit(&path);
    if (!fits) {
        refuse(answer, LT_EXIT_USAGE, "the path is not absolute, or too long");
    }
    return fits;
}

static void begin_verb(lt_cli *cli, lt_cli_job *job, lt_str line, lt_pending *pending,
                       lt_text *answer)
{
    if (!job->live) {
        refuse(answer, LT_EXIT_STATE, "the job has ended");
        pending->verb = LT_VERB_NONE;
    } else if (!read_path(cli, line, pending, answer)) {
        pending->verb = LT_VERB_NONE;
    } else if (pending->verb == LT_VERB_STOP) {
        begin_stop(job, line, pending, answer);
    }
}

void lt_control_request(lt_cli *cli, lt_cli_job *job, lt_str line, lt_pending *pending,
                        lt_text *answer)
{
    static const struct {
        const char *name;
        lt_verb verb;
    } verbs[] = {{"checkpoint", LT_VERB_CHECKPOINT},
                 {"savepoint", LT_VERB_SAVEPOINT},
                 {"stop", LT_VERB_STOP}};
    lt_str what = {NULL, 0};
    *pending = (lt_pending){.verb = LT_VERB_NONE};
    if (!lt_flat_is_object(line) || !lt_flat_raw(line, "do", &what) || what.len < 2) {
        refuse(answer, LT_EXIT_USAGE, "a request is a JSON object with a member \"do\"");
        return;
    }
    what = (lt_str){what.ptr + 1, what.len - 2};
    if (lt_str_eq(what, LT_STR("ps"))) {
        answer_ps(cli, job, answer);
        return;
    }
    if (lt_str_eq(what, LT_STR("status"))) {
        answer_status(cli, job, line, answer);
        return;
    }
    for (size_t i = 0; i < LT_COUNT_OF(verbs); i++) {
        if (lt_str_eq(what, lt_str_of(verbs[i].name))) {
            pending->verb = verbs[i].verb;
            begin_verb(cli, job, line, pending, answer);
            lt_control_poll(cli, job, pending, answer);
            return;
        }
    }
    refuse(answer, LT_EXIT_USAGE,
           "there is no such request: ps, status, checkpoint, savepoint, stop");
}

static void answer_stop(const lt_cli_job *job, const leat_stats *stats, lt_text *to)
{
    if (job->state == LEAT_FAILED) {
        refuse_status(to, stats->status, job);
        return;
    }
    if (stats->checkpoints.error[0] != '\0') {
        refuse(to, LT_EXIT_STATE, stats->checkpoints.error);
        return;
    }
    lt_text_puts(to, "{\"ok\":true");
    put_text(to, "state", lt_cli_job_state(job));
    lt_text_printf(to, ",\"checkpoint\":%llu", (unsigned long long)stats->checkpoints.last_id);
    put_text(to, "path", stats->checkpoints.savepoint);
    lt_text_puts(to, "}\n");
}

/* Is the checkpoint that was asked for there? Then the answer is given. */
static bool answer_made(const lt_pending *pending, const leat_stats *stats, lt_text *to)
{
    const leat_checkpoint_stats *now = &stats->checkpoints;
    bool is_savepoint = pending->verb == LT_VERB_SAVEPOINT;
    bool is_made = is_savepoint
                       ? strncmp(now->savepoint, pending->before, sizeof pending->before - 1) != 0
                       : now->completed > pending->completed;
    if (is_made) {
        lt_text_printf(to, "{\"ok\":true,\"checkpoint\":%llu", (unsigned long long)now->last_id);
        put_text(to, "path", is_savepoint ? now->savepoint : "");
        lt_text_puts(to, "}\n");
        return true;
    }
    if (now->failed > pending->failed) {
        refuse(to, LT_EXIT_STATE, now->error[0] != '\0' ? now->error : "the checkpoint failed");
        return true;
    }
    return false;
}

static bool is_over(lt_cli_job *job, lt_pending *pending, lt_text *answer)
{
    leat_stats stats;
    if (pending->verb != LT_VERB_STOP && !pending->begun && job->live) {
        leat_status status = begin(job, pending);
        if (status != LEAT_OK && status != LEAT_FULL) {
            refuse_status(answer, status, job);
            return true;
        }
    }
    leat_get_stats(job->job, &stats);
    if (pending->verb == LT_VERB_STOP) {
        if (!job->live) {
            answer_stop(job, &stats, answer);
        }
        return !job->live;
    }
    if (pending->begun && answer_made(pending, &stats, answer)) {
        return true;
    }
    if (!job->live) {
        refuse(answer, LT_EXIT_STATE, "the job ended before that");
    }
    return !job->live;
}

void lt_control_poll(lt_cli *cli, lt_cli_job *job, lt_pending *pending, lt_text *answer)
{
    (void)cli;
    if (pending->verb != LT_VERB_NONE && is_over(job, pending, answer)) {
        pending->verb = LT_VERB_NONE;
    }
}

/* Restarting a job that keeps checkpoints, after a failure that may pass: a device or a connection,
 * a checkpoint that could not be made durable. The job is taken down, waits, and starts anew from
 * its last checkpoint, with the same plan and under the lock that it has. Flink restarts whatever
 * the failure; here bad data and mistakes in statements, which would only come again, end the job.
 *
 * Flink's options: restart-strategy.type and below it. Without them a job restarts with growing
 * delays when it has a checkpoint interval of its own, as in Flink; one that makes checkpoints
 * only because `leat run` does so by itself ends with its first failure.
 *
 * Only where nothing is lost or shown twice by it: no queries, no input that cannot be read again.
 */
#include <stdio.h>
#include <string.h>

#include "api/api_int.h"
#include "base/option.h"

#define NS_PER_MS INT64_C(1000000)
#define MS_MAX    (INT64_C(365) * 24 * 3600 * 1000)

static lt_str setting(const leat *db, const char *key)
{
    return lt_str_trim(lt_catalog_option(db->catalog, key));
}

static int64_t setting_ms(const leat *db, const char *key, int64_t fallback)
{
    int64_t ms;
    lt_str value = setting(db, key);
    bool is_one = value.len > 0 && lt_parse_duration_ms(value, &ms) && ms >= 0;
    return is_one ? LT_MIN(ms, MS_MAX) : fallback;
}

static double setting_real(const leat *db, const char *key, double fallback)
{
    double number;
    lt_str value = setting(db, key);
    return value.len > 0 && lt_str_to_f64(value, &number) && number >= 0 ? number : fallback;
}

static uint64_t setting_count(const leat *db, const char *key, uint64_t fallback)
{
    int64_t number;
    lt_str value = setting(db, key);
    return value.len > 0 && lt_str_to_i64(value, &number) && number > 0 ? (uint64_t)number
                                                                        : fallback;
}

static bool is_one_of(lt_str value, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (lt_str_eq_ci(value, lt_str_of(names[i]))) {
            return true;
        }
    }
    return false;
}

static lt_status choose_kind(const leat *db, lt_restart_kind *out, lt_error *err)
{
    static const char *const none[] = {"none", "off", "disable"};
    static const char *const fixed[] = {"fixed-delay", "fixeddelay"};
    static const char *const growing[] = {"exponential-delay", "exponentialdelay"};
    lt_str type = setting(db, "restart-strategy.type");
    if (type.len == 0) {
        type = setting(db, "restart-strategy");
    }
    if (type.len == 0) {
        bool own_interval = setting_ms(db, "execution.checkpointing.interval", 0) > 0;
        *out = own_interval ? LT_RESTART_GROWING : LT_RESTART_NONE;
    } else if (is_one_of(type, none, LT_COUNT_OF(none))) {
        *out = LT_RESTART_NONE;
    } else if (is_one_of(type, fixed, LT_COUNT_OF(fixed))) {
        *out = LT_RESTART_FIXED;
    } else if (is_one_of(type, growing, LT_COUNT_OF(growing))) {
        *out = LT_RESTART_GROWING;
    } else {
        lt_error_set(err, LT_ERR_UNSUPPORTED, "restart-strategy.type '" LT_STR_FMT "'",
                     LT_STR_ARG(type));
        lt_error_hint(err, "there are none, fixed-delay and exponential-delay");
        return LT_ERR_UNSUPPORTED;
    }
    return LT_OK;
}

static bool can_be_repeated(const lt_plan *plan)
{
    for (uint32_t i = 0; i < plan->node_count; i++) {
        const lt_plan_node *node = plan->nodes[i];
        if (node->kind == LT_PLAN_SOURCE &&
            node->u.table.table->connector->source->guarantee == LT_SOURCE_EPHEMERAL) {
            return false;
        }
    }
    return true;
}

lt_status lt_api_restart_configure(leat_job *job, const lt_job_options *options, lt_error *err)
{
    const leat *db = job->db;
    lt_restart *self = &job->restart;
    *self = (lt_restart){.options = *options};
    LT_TRY(choose_kind(db, &self->kind, err));
    if (job->home == NULL || !job->inserts || !can_be_repeated(job->plan)) {
        self->kind = LT_RESTART_NONE;
    }
    if (self->kind == LT_RESTART_FIXED) {
        self->attempts_max = setting_count(db, "restart-strategy.fixed-delay.attempts", 1);
        self->first_ms = setting_ms(db, "restart-strategy.fixed-delay.delay", 1000);
        self->most_ms = self->first_ms;
        self->factor = 1;
        self->reset_ms = INT64_MAX;
    } else {
        static const char prefix[] = "restart-strategy.exponential-delay.";
        char key[96];
#define KEY(name) ((void)snprintf(key, sizeof key, "%s%s", prefix, name), key)
        self->attempts_max = setting_count(db, KEY("attempts-before-reset-backoff"), UINT64_MAX);
        self->first_ms = setting_ms(db, KEY("initial-backoff"), 1000);
        self->most_ms = LT_MAX(setting_ms(db, KEY("max-backoff"), 60000), self->first_ms);
        self->factor = LT_MAX(setting_real(db, KEY("backoff-multiplier"), 1.5), 1.0);
        self->jitter = LT_MIN(setting_real(db, KEY("jitter-factor"), 0.1), 1.0);
        self->reset_ms = setting_ms(db, KEY("reset-backoff-threshold"), 3600000);
#undef KEY
    }
    self->delay_ms = (double)self->first_ms;
    self->started_ns = db->env->mono_ns(db->env);
    return LT_OK;
}

/* A reader that has gone does not come back. */
static bool may_pass(const lt_error *why)
{
    if (why->code == LT_ERR_IO) {
        return strstr(why->text, "broken pipe") == NULL;
    }
    return why->retriable || why->code == LT_ERR_CONNECT;
}

static int64_t next_delay_ms(lt_restart *self, lt_env *env)
{
    double share = (double)(env->random_u64(env) >> 11) / (double)(UINT64_C(1) << 53);
    double delay = self->delay_ms * (1 + self->jitter * (2 * share - 1));
    self->delay_ms = LT_MIN(self->delay_ms * self->factor, (double)self->most_ms);
    return LT_MIN((int64_t)delay, self->most_ms);
}

static void say_failed(const leat_job *job, const lt_error *why, int64_t delay_ms)
{
    const lt_ckpt_settings *settings = &job->restart.options.ckpt;
    if (settings->say != NULL) {
        char line[LT_ERROR_TEXT_MAX + 200];
        (void)snprintf(line, sizeof line, "%.100s failed: %s; it starts again in %lld.%lld s",
                       job->name, why->text, (long long)(delay_ms / 1000),
                       (long long)(delay_ms / 100 % 10));
        settings->say(settings->arg, line);
    }
}

bool lt_api_restart_later(leat_job *job, const lt_error *why)
{
    lt_restart *self = &job->restart;
    lt_env *env = job->db->env;
    int64_t now_ns = env->mono_ns(env);
    if (self->kind == LT_RESTART_NONE || self->stop || !may_pass(why)) {
        return false;
    }
    if ((now_ns - self->started_ns) / NS_PER_MS >= self->reset_ms) {
        self->attempts = 0;
        self->delay_ms = (double)self->first_ms;
    }
    if (self->attempts >= self->attempts_max) {
        return false;
    }
    self->attempts++;
    int64_t delay_ms = next_delay_ms(self, env);
    self->due_ns = now_ns + delay_ms * NS_PER_MS;
    self->waits = true;
    self->cause = *why;
    if (job->job != NULL) {
        lt_ckpt_stats stats;
        lt_job_ckpt_stats(job->job, &stats);
        if (stats.completed > 0) {
            /* From now on its own checkpoints count, not what it was first started from. */
            self->options.ckpt.restore = NULL;
            self->options.ckpt.fresh = false;
        }
    }
    say_failed(job, &self->cause, delay_ms);
    return true;
}

lt_status lt_api_restart_turn(leat_job *job, lt_error *err)
{
    lt_restart *self = &job->restart;
    lt_env *env = job->db->env;
    if (self->stop) {
        lt_job_free(job->job);
        job->job = NULL;
        self->waits = false;
        lt_error_clear(&self->cause);
        return LT_END;
    }
    if (env->mono_ns(env) < self->due_ns) {
        return LT_AGAIN;
    }
    lt_job_free(job->job);
    job->job = NULL;
    lt_error why;
    lt_error_clear(&why);
    if (lt_job_new(job->plan, &self->options, &job->job, &why) != LT_OK) {
        if (lt_api_restart_later(job, &why)) {
            return LT_AGAIN;
        }
        self->waits = false;
        self->cause = why;
        *err = why;
        return why.code;
    }
    self->waits = false;
    self->started_ns = env->mono_ns(env);
    return LT_OK;
}

void lt_api_restart_wait(const leat_job *job, int64_t timeout_ms)
{
    lt_env *env = job->db->env;
    int64_t until_ns = env->mono_ns(env) + LT_MIN(timeout_ms, MS_MAX) * NS_PER_MS;
    env->wait(env, LT_MIN(until_ns, job->restart.due_ns), NULL, 0);
}

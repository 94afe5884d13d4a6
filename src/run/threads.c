/* A thread per lane and one that writes checkpoints. They only call the step functions, so that a
 * job runs the same with or without them; the thread that owns the job starts, wakes and ends
 * them. */
#include <stdio.h>

#include "run/job_int.h"

#define LANE_WAIT_NS INT64_C(500000000) /* a wake that was lost must not hang a lane */
#define SPIN_STEPS   1

static lt_status locked_step(lt_lane *lane)
{
    if (atomic_load_explicit(&lane->looked_at, memory_order_relaxed)) {
        lt_mutex_lock(lane->gate);
        lt_mutex_unlock(lane->gate);
    }
    lt_mutex_lock(lane->busy);
    lt_status st = lt_lane_step(lane);
    lt_mutex_unlock(lane->busy);
    return st;
}

void lt_lanes_hold(const lt_job *job)
{
    for (uint32_t i = 0; i < job->lane_count && job->running; i++) {
        lt_lane *lane = &job->lanes[i];
        lt_mutex_lock(lane->gate);
        atomic_store(&lane->looked_at, true);
        lt_mutex_lock(lane->busy);
    }
}

void lt_lanes_release(const lt_job *job)
{
    for (uint32_t i = 0; i < job->lane_count && job->running; i++) {
        lt_lane *lane = &job->lanes[i];
        lt_mutex_unlock(lane->busy);
        atomic_store(&lane->looked_at, false);
        lt_mutex_unlock(lane->gate);
    }
}

static void run_lane(void *arg)
{
    lt_lane *lane = arg;
    lt_job *job = lane->job;
    unsigned idle = 0;
    while (!atomic_load_explicit(&job->halted, memory_order_acquire)) {
        if (locked_step(lane) != LT_AGAIN) {
            idle = 0;
        } else if (++idle > SPIN_STEPS) {
            lt_lane_wait(lane, LANE_WAIT_NS);
        }
    }
}

static void run_checkpoints(void *arg)
{
    lt_job *job = arg;
    lt_env *env = job->env;
    lt_thread_give_way(); /* rows that wait for an answer come first */
    while (!atomic_load_explicit(&job->halted, memory_order_acquire)) {
        if (lt_ckpt_step(job) == LT_AGAIN) {
            int64_t deadline = LT_MIN(lt_ckpt_deadline(job), env->mono_ns(env) + LANE_WAIT_NS);
            env->wait_on(env, job->ckpt_waker, deadline, NULL, 0);
        }
    }
}

lt_status lt_threads_start(lt_job *job, lt_error *err)
{
    atomic_store(&job->halted, false);
    job->running = true;
    for (uint32_t i = 0; i < job->lane_count; i++) {
        lt_lane *lane = &job->lanes[i];
        char name[16];
        snprintf(name, sizeof name, "leat-lane-%u", i % 1000);
        lt_status st = lt_thread_start(&job->mem, name, run_lane, lane, &lane->thread, err);
        if (st != LT_OK) {
            lt_threads_stop(job);
            return st;
        }
    }
    if (job->ckpt == NULL) {
        return LT_OK;
    }
    lt_status st =
        lt_thread_start(&job->mem, "leat-ckpt", run_checkpoints, job, &job->ckpt_thread, err);
    if (st != LT_OK) {
        lt_threads_stop(job);
    }
    return st;
}

void lt_lanes_wake(lt_job *job)
{
    for (uint32_t i = 0; i < job->lane_count && job->running; i++) {
        job->env->waker_signal(job->lanes[i].waker);
    }
}

void lt_job_wake(lt_job *job)
{
    lt_lanes_wake(job);
}

void lt_job_notify(lt_job *job)
{
    if (job->running) {
        job->env->wake(job->env);
        if (job->ckpt_waker != NULL) {
            job->env->waker_signal(job->ckpt_waker);
        }
    }
}

void lt_threads_stop(lt_job *job)
{
    if (!job->running) {
        return;
    }
    atomic_store(&job->halted, true);
    lt_lanes_wake(job);
    if (job->ckpt_waker != NULL) {
        job->env->waker_signal(job->ckpt_waker);
    }
    for (uint32_t i = 0; i < job->lane_count; i++) {
        lt_thread_join(job->lanes[i].thread);
        job->lanes[i].thread = NULL;
    }
    lt_thread_join(job->ckpt_thread);
    job->ckpt_thread = NULL;
    job->running = false;
}

/*
 * helpers.c: helper threads for what may take longer than a turn of the loop allows.
 *
 *   H1  A job that was accepted is always worked on, and its `done` always becomes mail: the
 *       mail is part of the job's own allocation.
 *   H2  Threads are made when a job finds none idle, never more than threads_max, and stay.
 *   H3  At most waiting_max jobs wait; beyond it the caller is told SKALD_E_LIMIT and nothing
 *       happens.
 */
#include "base/arena.h"
#include "runtime/libevent_parts.h"
#include "runtime/thread.h"

void sk_helpers_init(struct sk_helpers *helpers, struct sk_mailbox *mailbox, uint32_t threads_max,
                     uint32_t waiting_max)
{
    *helpers = (struct sk_helpers){ .mailbox = mailbox,
                                    .threads_max = threads_max,
                                    .waiting_max = waiting_max };
    (void)pthread_mutex_init(&helpers->lock, NULL);
    (void)pthread_cond_init(&helpers->filled, NULL);
}

/* Under the lock; NULL only when closing. */
static struct sk_helper_job *take_job(struct sk_helpers *helpers)
{
    helpers->idle_count += 1;
    while (helpers->first == NULL && !helpers->is_closing) {
        (void)pthread_cond_wait(&helpers->filled, &helpers->lock);
    }
    helpers->idle_count -= 1;
    struct sk_helper_job *job = helpers->first;
    if (job == NULL) return NULL;
    helpers->first = job->next;
    if (helpers->first == NULL) helpers->last = NULL;
    helpers->waiting_count -= 1;
    return job;
}

static void *helper_main(void *context)
{
    struct sk_helpers *helpers = context;
    sk_thread_name("skald-helper");
    (void)pthread_mutex_lock(&helpers->lock);
    for (;;) {
        struct sk_helper_job *job = take_job(helpers);
        if (job == NULL) break;
        (void)pthread_mutex_unlock(&helpers->lock);
        job->work(job->mail.context);
        sk_mailbox_put(helpers->mailbox, &job->mail);
        (void)pthread_mutex_lock(&helpers->lock);
    }
    (void)pthread_mutex_unlock(&helpers->lock);
    return NULL;
}

/* Under the lock. */
static void add_thread(struct sk_helpers *helpers)
{
    pthread_t *thread = &helpers->threads[helpers->threads_count];
    if (sk_thread_start(thread, helper_main, helpers) == 0) helpers->threads_count += 1;
}

static enum skald_status put_job(struct sk_helpers *helpers, struct sk_helper_job *job)
{
    if (helpers->is_closing) return SKALD_E_CLOSED;
    if (helpers->waiting_count >= helpers->waiting_max) return SKALD_E_LIMIT;
    /* A thread that has just been made is not idle yet: one more than needed may come to be. */
    if (helpers->waiting_count >= helpers->idle_count &&
        helpers->threads_count < helpers->threads_max) {
        add_thread(helpers);
    }
    if (helpers->threads_count == 0) return SKALD_E_AGAIN;
    if (helpers->last != NULL) {
        helpers->last->next = job;
    } else {
        helpers->first = job;
    }
    helpers->last = job;
    helpers->waiting_count += 1;
    (void)pthread_cond_signal(&helpers->filled);
    return SKALD_OK;
}

enum skald_status sk_helpers_run(struct sk_helpers *helpers, sk_runtime_fn *work,
                                 sk_runtime_fn *done, void *context)
{
    struct sk_helper_job *job = sk_alloc(sizeof *job);
    if (job == NULL) return SKALD_E_MEMORY;
    job->mail = (struct sk_mail){ .fn = done, .context = context };
    job->work = work;
    (void)pthread_mutex_lock(&helpers->lock);
    enum skald_status status = put_job(helpers, job);
    (void)pthread_mutex_unlock(&helpers->lock);
    if (status != SKALD_OK) sk_free(job);
    return status;
}

void sk_helpers_release(struct sk_helpers *helpers)
{
    (void)pthread_mutex_lock(&helpers->lock);
    helpers->is_closing = true;
    (void)pthread_cond_broadcast(&helpers->filled);
    (void)pthread_mutex_unlock(&helpers->lock);
    for (uint32_t i = 0; i < helpers->threads_count; i++) {
        (void)pthread_join(helpers->threads[i], NULL);
    }
    (void)pthread_cond_destroy(&helpers->filled);
    (void)pthread_mutex_destroy(&helpers->lock);
}

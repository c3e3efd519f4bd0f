/*
 * mailbox.c: functions that other threads want called on the loop.
 *
 *   M1  Mail of one thread is delivered in the order in which it was put.
 *   M2  `is_awake` is true from the first put until the next delivery begins: one write to the
 *       eventfd for any number of puts between two turns.
 *   M3  A delivery calls only what was there when it began, so mail that causes mail does not
 *       starve the sockets.
 */
#include "runtime/libevent_parts.h"

#include "base/arena.h"
#include "base/assert.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum skald_status sk_mailbox_init(struct sk_mailbox *mailbox)
{
    *mailbox = (struct sk_mailbox){ .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    (void)pthread_mutex_init(&mailbox->lock, NULL);
    return mailbox->wake_fd >= 0 ? SKALD_OK : SKALD_E_AGAIN;
}

void sk_mailbox_release(struct sk_mailbox *mailbox)
{
    SK_ASSERT(mailbox->first == NULL);
    if (mailbox->wake_fd >= 0) (void)close(mailbox->wake_fd);
    (void)pthread_mutex_destroy(&mailbox->lock);
}

void sk_mailbox_wake(struct sk_mailbox *mailbox)
{
    uint64_t one = 1;
    ssize_t written;
    do {
        written = write(mailbox->wake_fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
    /* EAGAIN: the counter is full, so the loop is awake anyway. */
    SK_ASSERT(written == (ssize_t)sizeof one || errno == EAGAIN);
}

void sk_mailbox_put(struct sk_mailbox *mailbox, struct sk_mail *mail)
{
    mail->next = NULL;
    (void)pthread_mutex_lock(&mailbox->lock);
    if (mailbox->last != NULL) {
        mailbox->last->next = mail;
    } else {
        mailbox->first = mail;
    }
    mailbox->last = mail;
    /* Under the lock, so that the mailbox cannot go while we write: the receiver of the last mail
     * may be the one that ends the runtime. */
    if (!mailbox->is_awake) sk_mailbox_wake(mailbox);
    mailbox->is_awake = true;
    (void)pthread_mutex_unlock(&mailbox->lock);
}

/* No descriptor: the runtime could not be made and is being taken down again. */
static void drain_wake_fd(struct sk_mailbox *mailbox)
{
    uint64_t ignored;
    if (mailbox->wake_fd < 0) return;
    ssize_t got = read(mailbox->wake_fd, &ignored, sizeof ignored);
    SK_ASSERT(got > 0 || errno == EAGAIN || errno == EINTR);
}

size_t sk_mailbox_deliver(struct sk_mailbox *mailbox)
{
    (void)pthread_mutex_lock(&mailbox->lock);
    drain_wake_fd(mailbox);
    mailbox->is_awake = false;
    struct sk_mail *mail = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = NULL;
    (void)pthread_mutex_unlock(&mailbox->lock);

    size_t count = 0;
    while (mail != NULL) {
        struct sk_mail *next = mail->next;
        sk_runtime_fn *fn = mail->fn;
        void *context = mail->context;
        sk_free(mail);
        if (fn != NULL) fn(context);
        mail = next;
        count += 1;
    }
    return count;
}

/*
 * fail_at.c: makes a shared object of fault*.c that is preloaded into a program that is not ours to
 * link: its n-th allocation or file operation fails, from the start of the program on.
 *
 *     LD_PRELOAD=fail_at.so FAIL_AT=EIO:120:1 FAIL_AT_REPORT=FILE skald validate order.saga.yaml
 *
 * FAIL_AT is code:n:length. The report, written when the program ends by itself, has one line:
 * calls, failed calls, the first that failed. Not for programs with a sanitizer.
 */
#include "fault.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE_SIZE = 128 };

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("FAIL_AT");
    if (text == NULL) return;
    char name[16] = "";
    size_t size = strcspn(text, ":");
    if (size >= sizeof name) return;
    memcpy(name, text, size);
    int code = fault_code_of(name);
    char *end = NULL;
    uint64_t at = text[size] == ':' ? strtoull(text + size + 1, &end, 10) : 0;
    uint64_t length = end != NULL && *end == ':' ? strtoull(end + 1, NULL, 10) : 1;
    if (code >= 0)
        fault_arm(fault_code_kind((enum fault_code)code), (enum fault_code)code, at, length);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("FAIL_AT_REPORT");
    fault_disarm();
    if (path == NULL) return;
    char line[LINE_SIZE];
    int size = snprintf(line, sizeof line, "%llu %llu %s\n", (unsigned long long)fault_calls(),
                        (unsigned long long)fault_hits(), fault_where());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (write(fd, line, (size_t)size) != size) {
        /* The sweep takes a report that is not whole for none. */
    }
    close(fd);
}

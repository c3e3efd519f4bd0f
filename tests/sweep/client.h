/* client.h: a client's connection to the server of a scenario, on this machine. */
#ifndef SWEEP_CLIENT_H
#define SWEEP_CLIENT_H

#include <stdint.h>

/* A socket that waits so long for an answer; -1: nobody is there. */
int client_connect(uint16_t port, int patience_s);

#endif

/* The process's environment, kept as it is while we read it. */
#ifndef DRMAA_LOCAL_ENVIRONMENT_H
#define DRMAA_LOCAL_ENVIRONMENT_H

/* Between these two, and only there, environ and getenv may be read, and what reads them be
 * called. They can be nested. In Python this is its lock (GIL), with which it forks, too: so
 * first hold the environment, then lock what is locked within or by a fork. */
int hold_environment(void);
void release_environment(int held);

#endif

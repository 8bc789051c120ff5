/* What the number `stat` of drmaa_wait means; the engine makes it, see protocol.md. */
#ifndef DRMAA_LOCAL_ENDINGS_H
#define DRMAA_LOCAL_ENDINGS_H

/* The low 16 bits are the process's wait status; above them: */
#define STAT_ABORTED 0x10000 /* it never ran, or was terminated */

#endif

/* What is open while an engine is reached, which one thread does at a time: nobody else knows of
 * it yet, and a child that is forked meanwhile must not keep it. */
#ifndef DRMAA_LOCAL_UNDERWAY_H
#define DRMAA_LOCAL_UNDERWAY_H

enum under_way { FOLDER_OPEN, BELL_OPEN, STATUS_OPEN, LOCK_OPEN, PIPE_OPEN, PIPE_INPUT_OPEN, SOCKET_OPEN, MOST_OPEN };

/* Returns the descriptor under a number that is no standard stream's: what a program without
 * them prints would go there. -1 with errno if there is none, or none was given. */
int above_standard_streams(int descriptor);
/* Closes it, if it is open. First its number goes: a child that is forked just then closes it, or what
 * has its number by then, no second time. */
void close_descriptor(int *descriptor);
/* The same as above_standard_streams, and notes it. */
int note_open(enum under_way what, int descriptor);
void close_noted(enum under_way what);
/* Whatever is still open is now in the session's hands. */
void forget_noted(void);
/* In a forked child. */
void close_all_noted(void);

#endif

package ring

// Features are what a ring uses where it can be had and does without elsewhere. None is inferred from the kernel's
// version: each is asked for, and what the kernel refuses, or does not say it has, is not used. Why these and no others
// is in docs/decisions/0006.
type Features uint8

const (
	// RegisteredRing enters by an index that the ring has with its thread, which spares looking a descriptor up. Linux
	// 5.18; a thread has 16 of them.
	RegisteredRing Features = 1 << iota
	// NoArray makes the entries themselves the submission queue, instead of an array of their indexes
	// (IORING_SETUP_NO_SQARRAY). Linux 6.6.
	NoArray
	// NoIOWait does not count a blocked ring as waiting for a disk (IORING_ENTER_NO_IOWAIT). Linux 6.15. Without, a
	// processor that has nothing to do shows 100 % iowait, and may not sleep as deeply as it could.
	NoIOWait

	// AllFeatures are all of them.
	AllFeatures = RegisteredRing | NoArray | NoIOWait
)

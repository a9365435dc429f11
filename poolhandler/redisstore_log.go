package poolhandler

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// A log is a stream whose ids are 0-<position>. Redis counts them up one by one. A stream that is not there begins at the time of the server in
// microseconds: so a log that was lost, and begins anew, has no position that it had before.

const (
	// maxLog is how many records a log keeps, and a few more. Who is behind by as many is out of touch.
	maxLog = 10_000
	// logLasts is how long a log is kept that nobody writes to.
	logLasts = 24 * time.Hour
	// logWait bounds how long Read waits for the first record.
	logWait = 500 * time.Millisecond
	// maxRecords bounds what one Read returns.
	maxRecords = 256
	// recordField is the name of the only field of a stream's entries.
	recordField = "r"
)

// readTimeout bounds how long Read waits for the answer besides. Tests have it be longer.
var readTimeout = time.Second

// appendRecord is atomic, so that two who begin a log begin it once.
var appendRecord = redis.NewScript(`
local id
if redis.call('EXISTS', KEYS[1]) == 1 then
	id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '0-*', 'r', ARGV[1])
else
	local t = redis.call('TIME')
	id = redis.call('XADD', KEYS[1], '0-' .. t[1] .. string.format('%06d', t[2]), 'r', ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return id`)

// Append implements querycache.Store.
func (c *redisClient) Append(ctx context.Context, log string, record []byte) (uint64, error) {
	id, err := appendRecord.Run(ctx, c.questions, []string{c.prefix + log}, record, maxLog, logLasts.Milliseconds()).Text()
	if err != nil {
		return 0, c.explain(err)
	}
	return positionOf(id)
}

// Read implements querycache.Store.
func (c *redisClient) Read(ctx context.Context, log string, behind uint64) (records [][]byte, last uint64, err error) {
	ctx, stop := context.WithTimeout(ctx, logWait+readTimeout)
	defer stop()
	read, err := c.readers.XRead(ctx, &redis.XReadArgs{Streams: []string{c.prefix + log}, ID: idOf(behind), Count: maxRecords, Block: logWait}).Result()
	if errors.Is(err, redis.Nil) || err == nil && len(read) == 0 {
		return nil, behind, nil
	}
	if err != nil {
		return nil, 0, c.explain(err)
	}
	return readMessages(read[0].Messages, behind)
}

// readMessages insists that there is no gap. Of a log that was not there (0), the first record is at any position.
func readMessages(messages []redis.XMessage, behind uint64) (records [][]byte, last uint64, err error) {
	for _, m := range messages {
		position, err := positionOf(m.ID)
		switch {
		case err != nil:
			return nil, 0, err
		case position != behind+1 && behind != 0:
			return nil, 0, querycache.ErrForgotten
		}
		record, ok := m.Values[recordField].(string)
		if !ok {
			return nil, 0, fmt.Errorf("the stream has an entry %s that no process like this has written; write another prefix", m.ID)
		}
		records, behind = append(records, []byte(record)), position
	}
	return records, behind, nil
}

// Last implements querycache.Store.
func (c *redisClient) Last(ctx context.Context, log string) (uint64, error) {
	info, err := c.questions.XInfoStream(ctx, c.prefix+log).Result()
	switch {
	case redis.HasErrorPrefix(err, "no such key"):
		return 0, nil
	case err != nil:
		return 0, c.explain(err)
	}
	return positionOf(info.LastGeneratedID)
}

func idOf(position uint64) string { return "0-" + strconv.FormatUint(position, 10) }

func positionOf(id string) (uint64, error) {
	digits, ok := strings.CutPrefix(id, "0-")
	position, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("the stream has an id %q that no process like this has written; write another prefix", id)
	}
	return position, nil
}

"""The rule as a script that runs inside Redis: one atomic step for each ending.

It does what `rule.py` and `tables.py` do; the tests compare the two. Redis' own replicas and its
append-only file get what it wrote, not the script.

Keys: what is known as a whole (a hash), the marks of users (a sorted set), the sessions that they
keep (a hash), the ends of ended sessions (a sorted set), and the changes (a stream); and of who is
signed in, the rows (a hash), their users (a sorted set of the user's fingerprint and the session's
id), and their ends (a sorted set). None has a time to live: Redis would drop those first when it
runs out of memory.
"""

from __future__ import annotations

from typing import Final

from iron_session.revocation.directory import MOST_ROWS
from iron_session.revocation.rule import GRACE_MS, HOUR_MS, LIFE_GRACE_MS, UNKNOWN_LIFE_MS

__all__ = ["ENDED", "FIELDS", "SCRIPT"]

FIELDS: Final = ("clock", "all", "horizon", "longest", "generation", "counter")
"""What the hash holds: the attributes of `Meta`."""

ENDED: Final = b"ended"
"""The script's result where the session to keep has ended."""

_MOST_CHANGES: Final = 10_000
"""About how many changes the stream holds: whoever missed more takes a snapshot."""

SCRIPT: Final = f"""
local GRACE, HOUR = {GRACE_MS}, {HOUR_MS}
local LIFE_GRACE, UNKNOWN_LIFE = {LIFE_GRACE_MS}, {UNKNOWN_LIFE_MS}
local MOST_ROWS = {MOST_ROWS}
local META, USERS, KEPT, SESSIONS, STREAM, ROWS, ROWS_BY_USER, ROWS_BY_END = unpack(KEYS)

local function text(number) return string.format('%.0f', number) end

local time = redis.call('TIME')
local server = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local row = redis.call('HMGET', META, '{"', '".join(FIELDS)}')
local generation = row[5] or ARGV[2]
local clock = tonumber(row[1] or server)
local all, horizon, longest = tonumber(row[2] or 0), tonumber(row[3] or 0), tonumber(row[4] or 0)
local counter = tonumber(row[6] or 0)

local function write()
    redis.call('HSET', META, 'clock', text(clock), 'all', text(all), 'horizon', text(horizon),
        'longest', text(longest), 'generation', generation, 'counter', text(counter))
end

local function answer(result)
    return {{text(clock), text(all), text(horizon), text(longest), generation, text(counter),
        text(server), result}}
end

-- One more change, as those who follow see it.
local function publish(kind, key, mark, kept, ends)
    counter = counter + 1
    redis.call('XADD', STREAM, 'MAXLEN', '~', '{_MOST_CHANGES}', '*', 'counter', text(counter),
        'kind', kind, 'key', key, 'mark', text(mark), 'kept', kept, 'until', text(ends))
end

local function write_user(key, mark, kept)
    redis.call('ZADD', USERS, text(mark), key)
    if kept == '' then
        redis.call('HDEL', KEPT, key)
    else
        redis.call('HSET', KEPT, key, kept)
    end
    publish('user', key, mark, kept, 0)
end

local function merge_session(key, ends)
    local old = tonumber(redis.call('ZSCORE', SESSIONS, key) or -1)
    if ends > old and ends + GRACE > clock then
        redis.call('ZADD', SESSIONS, text(ends), key)
        publish('session', key, 0, '', ends)
    end
end

local function merge_user(key, mark, kept)
    local old = tonumber(redis.call('ZSCORE', USERS, key) or -1)
    local old_kept = redis.call('HGET', KEPT, key) or ''
    if mark == old and kept ~= old_kept then
        kept = ''
    end
    if mark > horizon and (mark > old or (mark == old and kept ~= old_kept)) then
        write_user(key, mark, kept)
    end
end

-- A row begins with the user's fingerprint, then when it was seen and when it ends.
local function delete_row(key)
    local row = redis.call('HGET', ROWS, key)
    if row then
        redis.call('HDEL', ROWS, key)
        redis.call('ZREM', ROWS_BY_USER, string.sub(row, 1, 16) .. key)
        redis.call('ZREM', ROWS_BY_END, key)
    end
end

local function write_row(key, row)
    redis.call('HSET', ROWS, key, row)
    redis.call('ZADD', ROWS_BY_USER, 0, string.sub(row, 1, 16) .. key)
    redis.call('ZADD', ROWS_BY_END, tonumber(string.sub(row, 33, 48)), key)
end

local function rows_of(user)
    local found = redis.call('ZRANGEBYLEX', ROWS_BY_USER, '[' .. user,
        '[' .. user .. string.rep('\\255', 17))
    for at, member in ipairs(found) do
        found[at] = string.sub(member, 17)
    end
    return found
end

-- Of a user's rows only those stay that were seen last.
local function drop_rows(user)
    local found = rows_of(user)
    if #found <= MOST_ROWS then
        return
    end
    local seen = {{}}
    for _, key in ipairs(found) do
        seen[key] = string.sub(redis.call('HGET', ROWS, key), 17, 32)
    end
    table.sort(found, function(one, other) return seen[one] > seen[other] end)
    for at = MOST_ROWS + 1, #found do
        delete_row(found[at])
    end
end

local function forget()
    for _, key in ipairs(redis.call('ZRANGEBYSCORE', ROWS_BY_END, '-inf', text(server))) do
        delete_row(key)
    end
    redis.call('ZREMRANGEBYSCORE', SESSIONS, '-inf', text(clock - GRACE))
    for _, key in ipairs(redis.call('HKEYS', KEPT)) do
        local mark = tonumber(redis.call('ZSCORE', USERS, key) or -1)
        if mark <= horizon then
            redis.call('HDEL', KEPT, key)
        end
    end
    redis.call('ZREMRANGEBYSCORE', USERS, '-inf', text(horizon))
end

local steps = {{}}

function steps.beat(estimate, longest_here)
    local before = clock
    clock = math.max(clock, server, tonumber(estimate))
    longest = math.max(longest, tonumber(longest_here))
    if longest > 0 then
        horizon = math.max(horizon, clock - longest - GRACE)
    end
    write()
    if math.floor(before / HOUR) ~= math.floor(clock / HOUR) then
        forget()
    end
    return answer('')
end

function steps.all(estimate)
    clock = math.max(clock, server)
    all = math.max(clock, tonumber(estimate), all + 1)
    clock = all + 1
    publish('all', '', all, '', 0)
    write()
    redis.call('DEL', ROWS, ROWS_BY_USER, ROWS_BY_END)
    return answer(text(all))
end

function steps.user(estimate, key, kept, since)
    clock = math.max(clock, server)
    local old = tonumber(redis.call('ZSCORE', USERS, key) or -1)
    if kept ~= '' then
        since = tonumber(since)
        local is_other = redis.call('HGET', KEPT, key) ~= kept
        if since <= math.max(all, horizon) or redis.call('ZSCORE', SESSIONS, kept)
            or (since <= old and is_other) then
            return answer('{ENDED.decode()}')
        end
    end
    local mark = math.max(clock, tonumber(estimate), old + 1)
    clock = mark + 1
    write_user(key, mark, kept)
    write()
    for _, session in ipairs(rows_of(key)) do
        if session ~= kept then
            delete_row(session)
        end
    end
    return answer(text(mark))
end

function steps.sessions(...)
    clock = math.max(clock, server)
    local pairs_of = {{...}}
    for at = 1, #pairs_of, 2 do
        local life = math.max(tonumber(pairs_of[at + 1]), longest)
        if life == 0 then
            life = UNKNOWN_LIFE
        end
        merge_session(pairs_of[at], clock + life + LIFE_GRACE)
        delete_row(pairs_of[at])
    end
    write()
    return answer('')
end

function steps.restore(known_clock, known_all, known_horizon, known_longest, ...)
    local rest = {{...}}
    clock = math.max(clock, server, tonumber(known_clock), tonumber(known_all) + 1)
    for at = 3, #rest, 5 do
        clock = math.max(clock, tonumber(rest[at]) + 1)
    end
    horizon = math.max(horizon, tonumber(known_horizon))
    longest = math.max(longest, tonumber(known_longest))
    if tonumber(known_all) > all then
        all = tonumber(known_all)
        publish('all', '', all, '', 0)
    end
    for at = 1, #rest, 5 do
        if rest[at] == 'user' then
            merge_user(rest[at + 1], tonumber(rest[at + 2]), rest[at + 3])
        else
            merge_session(rest[at + 1], tonumber(rest[at + 4]))
        end
    end
    write()
    return answer('')
end

function steps.rows(...)
    local rest = {{...}}
    local users = {{}}
    for at = 1, #rest, 2 do
        delete_row(rest[at])
        write_row(rest[at], rest[at + 1])
        users[string.sub(rest[at + 1], 1, 16)] = true
    end
    for user in pairs(users) do
        drop_rows(user)
    end
    return answer('')
end

function steps.seen(...)
    local rest = {{...}}
    for at = 1, #rest, 2 do
        local row = redis.call('HGET', ROWS, rest[at])
        if row then
            write_row(rest[at], string.sub(row, 1, 16) .. rest[at + 1] .. string.sub(row, 49))
        end
    end
    return answer('')
end

function steps.rows_of(user)
    local found = {{}}
    for _, key in ipairs(rows_of(user)) do
        table.insert(found, key)
        table.insert(found, redis.call('HGET', ROWS, key))
    end
    return answer(found)
end

return steps[ARGV[1]](unpack(ARGV, 3))
"""

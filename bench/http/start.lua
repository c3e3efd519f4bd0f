-- Starts sagas and awaits their end; an answer that shows another end is counted as bad.
local here = debug.getinfo(1, "S").source:match("@(.*/)") or "./"
dofile(here .. "saga.lua")
bad = 0
local want = '"state":"' .. os.getenv("BENCH_STATE") .. '"'

function response(status, _, body)
  if status ~= 201 or not body:find(want, 1, true) then bad = bad + 1 end
end

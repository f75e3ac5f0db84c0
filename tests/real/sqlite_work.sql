-- Work for sqlite.sh. No random(), no clock: the results depend on this text alone.
.bail on
pragma page_size = 4096;
pragma cache_size = 500;
pragma temp_store = memory;
pragma synchronous = off;
create table item (id integer primary key, name text not null, size int, body blob);
create table tag (item int, word text, primary key (word, item)) without rowid;

begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
insert into item
select i, printf('%x-%d', i * 2654435761 % 4294967296, i % 977), i * 7919 % 10007,
       case when i % 10 = 0 then zeroblob(i % 3000) end
from n;
insert into tag select id, 'w' || (id % 61) from item;
insert into tag select id, 'v' || (size % 1009) from item where id % 2 = 0;
commit;

create index item_name on item (name);
create index item_size on item (size, name);
create index item_part on item (length(body)) where body is not null;

select 'counts', (select count(*) from item), (select count(*) from tag);
select 'group', size % 13, count(*), min(name), max(name), total(length(body))
from item group by 2 order by 2;
select 'join', word, count(*), group_concat(substr(name, 1, 4))
from (select word, name from tag join item on item.id = tag.item
      where size between 4000 and 4020 order by word, name)
group by word order by word;
select 'window', id, rank, before from (
	select id, row_number() over (partition by size % 101 order by name) as rank,
	       lag(name) over (partition by size % 101 order by name) as before
	from item
) where id % 9001 = 0 order by id;
select 'like', count(*) from item where name like '%ab%';

begin;
update item set name = upper(name) || '-' || length(name), size = size + 1 where id % 4 = 1;
delete from tag where item % 3 = 0;
delete from item where id % 3 = 0;
savepoint undone;
delete from item;
rollback to undone;
commit;
insert or replace into item select id + 1, name, size, body from item where id % 30 = 1;
drop index item_size;
vacuum;
analyze;

select 'after', count(*), sum(size), count(distinct name), total(length(body)) from item;
select 'longest', id, name from item order by length(name) desc, name limit 5;
select 'json', json_extract(json_group_array(json_object('n', name, 's', size)), '$[777]')
from (select name, size from item order by id limit 5000);
select 'integrity', integrity_check from pragma_integrity_check;

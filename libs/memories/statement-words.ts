/**
 * What the comparison of statements knows about English. Everything here either changes nothing about what is said, and
 * may be dropped or spelled alike, or changes it so much that two statements that differ in it are never one.
 */

const list = (text: string): string[] => text.trim().split(/\s+/);
const set = (text: string): ReadonlySet<string> => new Set(list(text));

/** Say nothing of their own. */
export const EMPTY = set('a an the also actually basically indeed simply please currently presently');

/** Beginnings that announce a statement and are not part of it. */
export const ANNOUNCEMENTS =
  /^(?:(?:please )?(?:note|remember|keep in mind)(?: that|,|:)|fyi[,:]?|by the way,?|btw,?|for the record,?)\s+/i;

/** Other spellings and other words for exactly the same. */
export const SAME: Readonly<Record<string, string>> = Object.fromEntries(
  `colour=color favourite=favorite centre=center grey=gray organise=organize organises=organizes organised=organized
  analyse=analyze analyses=analyzes analysed=analyzed theatre=theater neighbour=neighbor neighbours=neighbors
  okay=ok website=site purchase=buy purchases=buys purchased=bought automobile=car automobiles=cars physician=doctor
  physicians=doctors cellphone=phone television=tv bike=bicycle bikes=bicycles fridge=refrigerator kid=child
  kids=children mom=mother mum=mother dad=father photograph=photo photographs=photos begin=start begins=starts
  began=started resides=lives reside=live resided=lived each=every approximately=about roughly=about assist=help
  assists=helps require=need requires=needs sofa=couch movie=film movies=films vacation=holiday vacations=holidays
  kilometer=km kilometers=km kilometre=km kilometres=km kms=km kilogram=kg kilograms=kg kgs=kg gram=g grams=g
  milligram=mg milligrams=mg centimeter=cm centimeters=cm centimetre=cm centimetres=cm meter=metre meters=metre
  metres=metre hour=h hours=h hr=h hrs=h minutes=minute min=minute mins=minute seconds=second sec=second secs=second
  days=day weeks=week months=month years=year percent=% euro=€ euros=€ dollar=$ dollars=$ gigabyte=gb gigabytes=gb
  megabyte=mb megabytes=mb`
    .trim()
    .split(/\s+/)
    .map((pair) => pair.split('=') as [string, string]),
);

/** Unit signs that mean something else in other letters (MB, Mb; MW, mW): only these are read without regard to case. */
export const UNIT_SIGNS = set('km kg g mg cm h min hr hrs sec lb lbs KM KG GB MB');

export const UNITS = set('km kg g mg cm metre h minute second day week month year gb mb lb lbs');

export const NUMBERS: Readonly<Record<string, number>> = Object.fromEntries([
  ...list('zero one two three four five six seven eight nine ten eleven twelve').map((word, n) => [word, n]),
  ...list('thirteen fourteen fifteen sixteen seventeen eighteen nineteen').map((word, n) => [word, n + 13]),
  ...list('twenty thirty forty fifty sixty seventy eighty ninety').map((word, n) => [word, 10 * (n + 2)]),
]) as Record<string, number>;

export const ORDINALS: Readonly<Record<string, string>> = {
  first: '1st',
  third: '3rd',
  fourth: '4th',
  fifth: '5th',
  sixth: '6th',
  seventh: '7th',
  eighth: '8th',
  ninth: '9th',
  tenth: '10th',
};

export const MONTHS = list('january february march april may june july august september october november december');

export const WEEKDAYS = list('monday tuesday wednesday thursday friday saturday sunday');
export const WEEKDAY_SIGNS: Readonly<Record<string, string>> = {
  mon: 'monday',
  tue: 'tuesday',
  tues: 'tuesday',
  wed: 'wednesday',
  thu: 'thursday',
  thurs: 'thursday',
  fri: 'friday',
};

/** One capital letter makes another word of these. */
export const CASE_MATTERS = set(`polish may march us turkey china august mark bill rose apple who it orange amazon
  shell target mercury python ruby java swift rust go excel word teams outlook will hope grace joy frank jack rich art
  dawn april june jordan georgia chile nice reading bath cork lent mobile meta china jersey pat sue victor`);

/** Capitals for stress, not for a name. */
export const STRESSED = set(`not no and or never always must the a an is are was were very only all any every do does
  did will shall can may to of in on at by for with i`);

/** Differ in one of these, and you say something else. */
export const NEGATIONS = set(`not no never none nobody nothing nowhere neither nor without hardly barely rarely seldom
  stop stops stopped quit quits cease ceases ceased former formerly ex cancel cancels canceled cancelled refuse refuses
  refused deny denies denied avoid avoids lack lacks fail fails failed unable except instead`);

export const CONDITIONS = set(`may might must can could should would will shall if unless until till when while all
  every some most many few several any only always usually often sometimes both either half almost nearly about at
  least over under before after since from to into by with against for between during above below more less than
  was were is are am be been being has have had do does did and or but because although then first last`);

/** Pairs that turn a statement round. */
export const OPPOSITES: ReadonlySet<string> = new Set(
  `like/dislike likes/dislikes love/hate loves/hates hot/cold warm/cold big/small large/small tall/short long/short
  old/new old/young early/late open/closed opens/closes opened/closed on/off up/down left/right north/south east/west
  northern/southern eastern/western morning/evening morning/afternoon afternoon/evening day/night summer/winter
  spring/autumn buy/sell buys/sells bought/sold lend/borrow lends/borrows lent/borrowed teach/learn teaches/learns
  push/pull win/lose wins/loses won/lost rise/fall rises/falls increase/decrease increases/decreases increased/decreased
  raise/lower raised/lowered enable/disable enables/disables enabled/disabled allow/forbid allows/forbids
  allowed/forbidden accept/reject accepts/rejects accepted/rejected approve/reject approved/rejected start/end
  starts/ends started/ended start/finish started/finished arrive/depart arrives/departs arrived/departed
  arrives/leaves arrived/left join/leave joins/leaves joined/left before/after above/below inside/outside
  indoor/outdoor indoors/outdoors public/private male/female man/woman men/women boy/girl husband/wife
  brother/sister son/daughter mother/father uncle/aunt true/false yes/no right/wrong correct/incorrect safe/dangerous
  full/empty heavy/light dark/light fast/slow cheap/expensive strong/weak rich/poor sweet/sour sweet/bitter wet/dry
  high/low maximum/minimum max/min upper/lower positive/negative legal/illegal possible/impossible
  vegetarian/vegan read/write reads/writes upload/download import/export client/server input/output
  lock/unlock locked/unlocked install/uninstall add/remove adds/removes added/removed create/delete created/deleted
  sender/receiver employee/employer buyer/seller parent/child friend/enemy single/married alive/dead asleep/awake
  active/inactive visible/hidden internal/external formal/informal red/green red/blue green/blue black/white
  black/green remember/forget with/without more/less most/least first/last monthly/yearly daily/weekly weekly/monthly
  tea/coffee cat/dog cats/dogs happy/sad healthy/sick allergic/immune optional/required mandatory/optional`
    .trim()
    .split(/\s+/)
    .flatMap((pair) => [pair, pair.split('/').toReversed().join('/')]),
);

/** Words that point outside of the statement: what they mean depends on when and where it was said. */
export const POINTING = set(`this these those here today yesterday tomorrow tonight now ago recently lately next
  previous previously latter aforementioned soon`);
export const PRONOUNS = set('it that there he she they him her them his its their i');

/** What a part of a sentence that may stand first or last begins with. */
export const OPENERS = set(`in on at since during after before every for by from until if when whenever because
  although with without despite unless once`);

/** What may follow a list of two without taking its second part for something else. */
export const AFTER_LIST = set('in on at every during for with before after since when because if . ,');

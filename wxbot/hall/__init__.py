"""The hall [现场抽奖]: people in one room, prizes in rounds on a big screen, and winners that anybody can work out again."""
